// How a secret is written: text as it stands, `hex:…`, `base64:…`, or `text:…` as an escape.
#pragma once

#include <span>
#include <string>

#include "base/secret.hpp"

namespace peerhold {

struct SecretText {
  Secret secret;
  std::string warning;  // a carriage return, space or second newline at the end; empty: none
};
// Wipes `bytes`. One trailing newline is dropped. Error texts never contain any of the bytes.
Result<SecretText> parse_secret(std::span<unsigned char> bytes);

}  // namespace peerhold
