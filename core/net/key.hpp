// Key: what signs a link's segments.
#pragma once

#include <cstdint>

#include "base/secret.hpp"

namespace peerhold {

enum class Algorithm : std::uint8_t { tcp_md5 };  // TCP-AO (RFC 5925) will stand beside it

struct Key {
  std::uint32_t id = 0;
  Algorithm algorithm = Algorithm::tcp_md5;
  Secret secret;
};

}  // namespace peerhold
