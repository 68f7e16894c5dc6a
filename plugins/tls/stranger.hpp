// Who speaks something else than TLS, by its first bytes, so that the log can say what it was.
#pragma once

#include <optional>

#include "hello.hpp"

namespace tls {

// Empty: it begins as TLS does. More: one cannot tell yet.
std::optional<Reading> strange(Bytes sent);

}  // namespace tls
