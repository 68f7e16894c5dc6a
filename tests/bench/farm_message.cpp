// The few BGP messages (RFC 4271 section 4) that an emulated router says and understands.
// Independent of the plugin under test.
#include "farm_message.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace farm {

namespace {

constexpr std::uint32_t kFirstPrefix = 0x0a000000;  // 10.0.0.0

void put(std::string& to, std::uint32_t value, unsigned octets) {
  while (octets-- != 0) to += static_cast<char>(value >> (8 * octets) & 0xff);
}

std::string framed(Type type, std::string_view body) {
  std::string result(16, '\xff');
  put(result, static_cast<std::uint32_t>(kHeader + body.size()), 2);
  put(result, type, 1);
  result += body;
  return result;
}

}  // namespace

const std::array<std::uint8_t, kHeader> kKeepaliveMessage = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,    0xff,      0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    kHeader, kKeepalive};

Message parse(const std::uint8_t* bytes, std::size_t size) {
  Message result{kKeepalive, bytes, 0};
  if (size < kHeader) return result;
  std::size_t length = static_cast<std::size_t>(bytes[16]) << 8 | bytes[17];
  bool marked = std::all_of(bytes, bytes + 16, [](std::uint8_t octet) { return octet == 0xff; });
  if (!marked || length < kHeader || length > kMostBytes) return {};
  result.type = bytes[18];
  if (length <= size) result.size = length;
  return result;
}

std::string open_message(std::uint32_t as, std::uint16_t hold, in_addr identifier) {
  constexpr std::uint32_t kAsTrans = 23456;             // RFC 6793 section 4.1
  std::string capabilities("\x01\x04\0\x01\0\x01", 6);  // multiprotocol: IPv4 unicast, RFC 4760
  capabilities.append("\x02\0", 2);                     // route refresh, RFC 2918
  capabilities += "\x41\x04";                           // four-octet AS, RFC 6793
  put(capabilities, as, 4);
  std::string body("\x04");
  put(body, as > 0xffff ? kAsTrans : as, 2);
  put(body, hold, 2);
  put(body, ntohl(identifier.s_addr), 4);
  put(body, static_cast<std::uint32_t>(capabilities.size() + 2), 1);
  put(body, 2, 1);  // one optional parameter: capabilities, RFC 5492
  put(body, static_cast<std::uint32_t>(capabilities.size()), 1);
  return framed(kOpen, body + capabilities);
}

std::string update_message(std::uint32_t as, std::uint32_t number) {
  std::string attributes("\x40\x01\x01\0", 4);  // ORIGIN: IGP
  attributes += "\x40\x02\x06\x02\x01";         // AS_PATH: a sequence of one
  put(attributes, as, 4);
  attributes += "\x40\x03\x04";    // NEXT_HOP
  put(attributes, 0xc0000201, 4);  // 192.0.2.1: nobody's own
  std::string body;
  put(body, 0, 2);
  put(body, static_cast<std::uint32_t>(attributes.size()), 2);
  body += attributes;
  put(body, 32, 1);
  put(body, kFirstPrefix + number % kPrefixes, 4);
  return framed(kUpdate, body);
}

std::uint32_t number_of(const Message& update) {
  std::uint32_t prefix = 0;
  std::memcpy(&prefix, update.bytes + update.size - sizeof prefix, sizeof prefix);
  return ntohl(prefix) - kFirstPrefix;
}

}  // namespace farm
