#include "image/curl.h"

#include <dlfcn.h>

namespace cradle::image {
namespace {

template <class F>
bool Find(void* library, const char* name, F& out) {
  out = reinterpret_cast<F>(::dlsym(library, name));
  return out != nullptr;
}

Result<Curl> Load() {
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) return FailedPrecondition(Cat("pulling needs libcurl: ", ::dlerror()));
  Curl c{};
  bool found = Find(library, "curl_global_init", c.global_init) && Find(library, "curl_easy_init", c.easy_init) &&
               Find(library, "curl_easy_cleanup", c.easy_cleanup) && Find(library, "curl_easy_reset", c.easy_reset) &&
               Find(library, "curl_easy_setopt", c.easy_setopt) && Find(library, "curl_easy_getinfo", c.easy_getinfo) &&
               Find(library, "curl_easy_strerror", c.easy_strerror) && Find(library, "curl_multi_init", c.multi_init) &&
               Find(library, "curl_multi_cleanup", c.multi_cleanup) &&
               Find(library, "curl_multi_add_handle", c.multi_add_handle) &&
               Find(library, "curl_multi_remove_handle", c.multi_remove_handle) &&
               Find(library, "curl_multi_perform", c.multi_perform) && Find(library, "curl_multi_poll", c.multi_poll) &&
               Find(library, "curl_multi_wakeup", c.multi_wakeup) &&
               Find(library, "curl_multi_info_read", c.multi_info_read) &&
               Find(library, "curl_slist_append", c.slist_append) &&
               Find(library, "curl_slist_free_all", c.slist_free_all) && Find(library, "curl_url", c.url) &&
               Find(library, "curl_url_cleanup", c.url_cleanup) && Find(library, "curl_url_set", c.url_set) &&
               Find(library, "curl_url_get", c.url_get) && Find(library, "curl_free", c.free);
  if (!found) return FailedPrecondition("pulling needs a libcurl of version 7.68 or newer");
  if (c.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return Internal("libcurl does not initialise");
  return c;
}

}  // namespace

Result<const Curl*> LoadCurl() {
  static const Result<Curl> kCurl = Load();
  if (!kCurl.ok()) return Error(kCurl.error());
  return &*kCurl;
}

}  // namespace cradle::image
