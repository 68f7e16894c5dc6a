// NOTIFICATIONs as values: shutdown communications (RFC 9003), hard resets (RFC 8538), and whether
// it is worth trying again. Called wherever one is sent or received; describe() has describe.cpp.
#include "notification.hpp"

#include <algorithm>

#include "message.hpp"

namespace bgp {
namespace {

constexpr std::size_t max_communication = 255;  // RFC 9003 §2: its length is one byte

bool has_communication(const Notification& n) {
  return n.code == code::cease &&
         (n.subcode == cease::admin_shutdown || n.subcode == cease::admin_reset);
}

// RFC 9003 §2. None where the length overruns the data. The 128 bytes of RFC 8203 are not enforced.
std::optional<Bytes> communication_in(const Notification& n) {
  if (!has_communication(n)) return std::nullopt;
  if (n.data.empty()) return Bytes{};
  Reader in(n.data);
  return in.take(*in.u8());
}

}  // namespace

Notification cease_with(std::uint8_t subcode, std::string_view communication) {
  Notification n{code::cease, subcode, {}};
  if (!has_communication(n) || communication.empty()) return n;
  const auto* const text = reinterpret_cast<const std::uint8_t*>(communication.data());
  std::size_t length = std::min(communication.size(), max_communication);
  // RFC 9003 §2: UTF-8, so not the half of a character.
  if (length < communication.size())
    while (length > 0 && is_continuation(text[length])) --length;
  put8(n.data, static_cast<std::uint32_t>(length));
  put(n.data, Bytes(text, length));
  return n;
}

// RFC 8538 §3.1
Notification hard_reset_of(const Notification& inner) {
  Notification n{code::cease, cease::hard_reset, {inner.code, inner.subcode}};
  put(n.data, inner.data);
  return n;
}

std::optional<Notification> inside_hard_reset(const Notification& n) {
  if (n.code != code::cease || n.subcode != cease::hard_reset) return std::nullopt;
  const auto inner = parse_notification(n.data);
  const auto* const found = std::get_if<Notification>(&inner);
  return found ? std::optional(*found) : std::nullopt;
}

std::string communication_of(const Notification& n) {
  const auto inner = inside_hard_reset(n);
  const auto text = communication_in(inner ? *inner : n);
  return text ? std::string(text->begin(), text->end()) : "";
}

bool retry_cannot_cure(const Notification& n) {
  const auto inner = inside_hard_reset(n);
  const auto& said = inner ? *inner : n;
  switch (said.code) {
    case code::open:
      return said.subcode == open_error::bad_peer_as ||
             said.subcode == open_error::unsupported_capability ||
             said.subcode == open_error::role_mismatch;
    case code::cease:
      return said.subcode >= cease::max_prefixes && said.subcode <= cease::peer_deconfigured;
    default:
      return false;
  }
}

}  // namespace bgp
