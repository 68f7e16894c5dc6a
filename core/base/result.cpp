// Errors from system calls, and the end of the process on a bug of our own. Used everywhere.
#include "base/result.hpp"

#include <cstdio>
#include <system_error>

namespace peerhold {

Error error_from_errno(int err, std::string text, Cause cause) {
  text += ": ";
  text += std::generic_category().message(err);
  return Error{std::move(text), err, cause};
}

void require_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "peerhold: internal error at %s:%d: %s does not hold\n", file, line, what);
  std::abort();
}

}  // namespace peerhold
