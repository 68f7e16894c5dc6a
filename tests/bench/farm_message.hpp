#pragma once
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <string>

namespace farm {

// RFC 4271 section 4.1
constexpr std::size_t kHeader = 19, kMostBytes = 4096;
enum Type : std::uint8_t {
  kOpen = 1,
  kUpdate = 2,
  kNotification = 3,
  kKeepalive = 4,
  kRefresh = 5
};

struct Message {
  std::uint8_t type = 0;
  const std::uint8_t* bytes = nullptr;  // with its header
  std::size_t size = 0;
};

// What begins at `bytes`. `size` 0: more bytes are needed; `type` 0: it is no BGP message.
Message parse(const std::uint8_t* bytes, std::size_t size);

std::string open_message(std::uint32_t as, std::uint16_t hold, in_addr identifier);
// Announces one /32, the `number`th of kPrefixes.
std::string update_message(std::uint32_t as, std::uint32_t number);
extern const std::array<std::uint8_t, kHeader> kKeepaliveMessage;

constexpr std::uint32_t kPrefixes = 65536;
constexpr std::size_t kEndOfRib =
    kHeader + 4;  // the size of one for IPv4 unicast, RFC 4724 section 2
// Which of update_message's it is.
std::uint32_t number_of(const Message& update);

}  // namespace farm
