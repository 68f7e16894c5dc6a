// Cuts a stream into messages (RFC 4271 §4.1, §6.1; RFC 8654), and reads and writes those that are
// too small for a file of their own: KEEPALIVE, NOTIFICATION, ROUTE-REFRESH (RFC 2918, RFC 7313).
// Called by both sides of the plugin for every byte that comes in.
#include "message.hpp"

#include <algorithm>

namespace bgp {
namespace {

constexpr std::size_t marker_size = 16;
constexpr std::size_t min_open = 29, min_update = 23, min_notification = 21;

Notification bad_length(std::uint16_t length) {
  Notification n{code::header, header_error::bad_length, {}};
  put16(n.data, length);
  return n;
}

bool length_fits(Type type, std::size_t length) {
  switch (type) {
    // RFC 8654 §4: OPEN and KEEPALIVE stay as they were whatever was agreed.
    case Type::open:
      return length >= min_open && length <= max_message;
    case Type::keepalive:
      return length == header_size;
    case Type::update:
      return length >= min_update;
    case Type::notification:
      return length >= min_notification;
    // RFC 7313 §5 has an error of its own for these: parse_route_refresh() tells it.
    case Type::route_refresh:
      return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::open:
      return "OPEN";
    case Type::update:
      return "UPDATE";
    case Type::notification:
      return "NOTIFICATION";
    case Type::keepalive:
      return "KEEPALIVE";
    case Type::route_refresh:
      return "ROUTE-REFRESH";
  }
  return "unknown";
}

// The checks stand in the order of the bytes they need, so that the verdict does not depend on how
// the stream was cut.
std::variant<Message, NeedMore, Notification> first_message(Bytes input, std::size_t limit) {
  // RFC 4271 §6.1: the marker. Its first wrong byte is enough: who speaks another protocol may
  // never send a header's length.
  const Bytes marker = input.first(std::min(input.size(), marker_size));
  if (std::any_of(marker.begin(), marker.end(), [](std::uint8_t b) { return b != 0xff; }))
    return Notification{code::header, header_error::not_synchronized, {}};
  Reader in(input);
  in.take(marker_size);

  // RFC 4271 §6.1, RFC 8654 §4: the length.
  const auto length = in.u16();
  if (!length) return NeedMore{};
  if (*length < header_size || *length > limit) return bad_length(*length);

  // RFC 4271 §6.1: the type, and the length again now that the type is known.
  const auto type = in.u8();
  if (!type) return NeedMore{};
  if (*type < static_cast<std::uint8_t>(Type::open) ||
      *type > static_cast<std::uint8_t>(Type::route_refresh))
    return Notification{code::header, header_error::bad_type, {*type}};
  if (!length_fits(Type{*type}, *length)) return bad_length(*length);

  if (input.size() < *length) return NeedMore{};
  return Message{Type{*type}, input.first(*length)};
}

void finish_message(Buffer& message, Type type) {
  std::fill_n(message.begin(), marker_size, std::uint8_t{0xff});
  set16(message, marker_size, message.size());
  message[header_size - 1] = static_cast<std::uint8_t>(type);
}

Buffer keepalive() {
  Buffer out;
  out.resize(header_size);  // of a vector made at that size g++ 12 thinks that it cannot grow
  finish_message(out, Type::keepalive);
  return out;
}

Buffer encode(const Notification& n) {
  Buffer out;
  out.resize(header_size);
  put8(out, n.code);
  put8(out, n.subcode);
  // RFC 8654 §5: data that quotes a long message is cut. 4096 bytes are what every peer takes, also
  // before the OPENs have said more.
  put(out, Bytes(n.data).first(std::min(n.data.size(), max_message - out.size())));
  finish_message(out, Type::notification);
  return out;
}

std::variant<Notification, std::monostate> parse_notification(Bytes body) {
  Reader in(body);
  const auto code = in.u8(), subcode = in.u8();
  // RFC 4271 §6.4: nobody answers a NOTIFICATION with another one.
  if (!code || !subcode) return std::monostate{};
  const Bytes data = in.rest();
  return Notification{*code, *subcode, Buffer(data.begin(), data.end())};
}

Buffer encode(const RouteRefresh& refresh) {
  Buffer out;
  out.resize(header_size);
  put16(out, refresh.family.afi);
  put8(out, refresh.kind);
  put8(out, refresh.family.safi);
  finish_message(out, Type::route_refresh);
  return out;
}

std::variant<RouteRefresh, Notification> parse_route_refresh(const Message& message) {
  Reader in(message.body());
  const auto afi = in.u16();
  const auto kind = in.u8(), safi = in.u8();
  const bool demarcation = kind && (*kind == RouteRefresh::begin || *kind == RouteRefresh::end);
  // RFC 7313 §5: BoRR and EoRR have four bytes; less than four is no ROUTE-REFRESH of any kind.
  if (!safi || (demarcation && !in.empty()))
    return Notification{code::refresh, 1, Buffer(message.whole.begin(), message.whole.end())};
  // RFC 5291 §4: filters follow the family of a request. Other kinds are told as they are: RFC 7313
  // §5 wants them ignored, not refused.
  return RouteRefresh{{*afi, *safi}, *kind, *kind == RouteRefresh::request && !in.empty()};
}

}  // namespace bgp
