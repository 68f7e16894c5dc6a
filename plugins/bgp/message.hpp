// Message framing (RFC 4271 §4.1, §6.1) and the messages without a file of their own.
#pragma once

#include <string_view>
#include <variant>

#include "family.hpp"
#include "notification.hpp"

namespace bgp {

enum class Type : std::uint8_t { open = 1, update, notification, keepalive, route_refresh };
std::string_view to_string(Type);  // "OPEN" …

inline constexpr std::size_t header_size = 19;
inline constexpr std::size_t max_message = 4096, max_extended = 65535;  // RFC 8654

struct Message {
  Type type = Type::keepalive;
  Bytes whole;  // header included
  Bytes body() const { return whole.subspan(header_size); }
};
struct NeedMore {};
// The first message of `input`; `limit` is max_message, or max_extended where both sides said so
// (OPEN and KEEPALIVE have max_message whatever was agreed). A Notification says what is wrong with
// its header: the marker, a length that the type cannot have, an unknown type; its data as RFC 4271
// §6.1 wants it. A broken header is told as soon as it is there.
std::variant<Message, NeedMore, Notification> first_message(Bytes input, std::size_t limit);

Buffer keepalive();
Buffer encode(const Notification&);
std::variant<Notification, std::monostate> parse_notification(Bytes body);  // monostate: malformed

struct RouteRefresh {  // RFC 2918, RFC 7313
  enum Kind : std::uint8_t { request = 0, begin = 1, end = 2 };
  Family family;
  std::uint8_t kind = request;
  bool with_orf = false;  // RFC 5291: outbound route filters follow; passed untouched
  bool operator==(const RouteRefresh&) const = default;
};
Buffer encode(const RouteRefresh&);
// A malformed one is a Notification: 7/1 with the message as data (RFC 7313 §5).
std::variant<RouteRefresh, Notification> parse_route_refresh(const Message&);

// Writes the header of a message whose first header_size bytes were left free.
void finish_message(Buffer& message, Type);

}  // namespace bgp
