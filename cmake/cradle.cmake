# How this tree builds a module: one static library per folder, warnings are errors.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Flags of everything we write. Generated code links cradle_hardening only.
add_library(cradle_hardening INTERFACE)
target_compile_options(cradle_hardening INTERFACE -fstack-protector-strong -fno-plt)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(cradle_hardening INTERFACE _FORTIFY_SOURCE=2)
endif()
if(CRADLE_SANITIZE)
  target_compile_options(cradle_hardening INTERFACE -fsanitize=${CRADLE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(cradle_hardening INTERFACE -fsanitize=${CRADLE_SANITIZE})
  if(CRADLE_SANITIZE MATCHES undefined)
    target_compile_options(cradle_hardening INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()

add_library(cradle_flags INTERFACE)
target_compile_options(cradle_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wunused-result -Wswitch -Werror)
target_include_directories(cradle_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(cradle_flags INTERFACE cradle_hardening)
if(CRADLE_FUZZ AND CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(cradle_flags INTERFACE -fsanitize=fuzzer-no-link)
elseif(CRADLE_FUZZ)
  target_compile_options(cradle_flags INTERFACE -fsanitize-coverage=trace-pc)
endif()
if(CRADLE_CRASH_POINTS)
  target_compile_definitions(cradle_flags INTERFACE CRADLE_CRASH_POINTS=1)
endif()

# cradle_module(NAME cgroups SRCS a.cpp b.cpp DEPS base PRIVATE_DEPS nlohmann)
# makes the static library cradle_cgroups; DEPS are modules, LIBS are anything else.
function(cradle_module)
  cmake_parse_arguments(M "" "NAME" "SRCS;DEPS;LIBS" ${ARGN})
  add_library(cradle_${M_NAME} STATIC ${M_SRCS})
  target_link_libraries(cradle_${M_NAME} PUBLIC cradle_flags)
  foreach(dep ${M_DEPS})
    target_link_libraries(cradle_${M_NAME} PUBLIC cradle_${dep})
  endforeach()
  target_link_libraries(cradle_${M_NAME} PRIVATE ${M_LIBS})
endfunction()

# The same sources for the programs without exceptions (the shim): cradle_<name>_noexc.
# Never sanitized: those programs are static.
function(cradle_module_noexc)
  cmake_parse_arguments(M "" "NAME" "SRCS;DEPS" ${ARGN})
  add_library(cradle_${M_NAME}_noexc STATIC ${M_SRCS})
  target_compile_options(cradle_${M_NAME}_noexc PUBLIC -Os -g -fno-exceptions -fno-rtti
    -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fPIE
    -Wall -Wextra -Wshadow -Werror)
  target_include_directories(cradle_${M_NAME}_noexc PUBLIC ${PROJECT_SOURCE_DIR}/src)
  if(CRADLE_CRASH_POINTS)
    target_compile_definitions(cradle_${M_NAME}_noexc PUBLIC CRADLE_CRASH_POINTS=1)
  endif()
  foreach(dep ${M_DEPS})
    target_link_libraries(cradle_${M_NAME}_noexc PUBLIC cradle_${dep}_noexc)
  endforeach()
endfunction()

# Programs land where an install would put them, so that they find each other in a build tree too.
set(CRADLE_BIN_DIR ${PROJECT_BINARY_DIR}/bin)
set(CRADLE_LIBEXEC_DIR ${PROJECT_BINARY_DIR}/libexec/cradle)

function(cradle_add_subdirectories)
  foreach(dir ${ARGN})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
      add_subdirectory(${dir})
    endif()
  endforeach()
endfunction()
