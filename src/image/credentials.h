// Credentials: what docker's config.json says about a server: "auths", with its entries for parts of a registry, and the
// helper programs of "credHelpers" and "credsStore". Read when a registry asks for credentials, so an edit counts at once.
// The file is the operator's, what a helper says is checked; neither is ever part of an error. Blocks while a helper
// runs. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/store.h"

namespace cradle::image {

// For `repository` ("library/busybox") of `host` ("registry-1.docker.io", "localhost:5000"). Nothing: the file, or an
// entry, isn't there. Helpers are looked for in the folders of $PATH.
Result<std::optional<Auth>> CredentialsFor(const std::string& file, const std::string& host,
                                           const std::string& repository);

// The host that an address of a registry names: "https://index.docker.io/v1/" is docker.io, as are its other names.
std::string CredentialHost(std::string_view address);

}  // namespace cradle::image
