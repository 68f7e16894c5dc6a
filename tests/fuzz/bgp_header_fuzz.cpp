// A stream of BGP messages: framing, NOTIFICATION, ROUTE-REFRESH, and the texts about them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "message.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Any notification can be told, wrapped, and sent.
void any_notification(const bgp::Notification& n) {
  for (const char c : bgp::describe(n)) require((c & 0x7f) >= ' ' || (c & 0x80) != 0);
  (void)bgp::communication_of(n);
  (void)bgp::retry_cannot_cure(n);
  require(bgp::inside_hard_reset(bgp::hard_reset_of(n)) == n);
  const auto wire = bgp::encode(n);
  const auto again = bgp::first_message(wire, bgp::max_message);
  require(std::holds_alternative<bgp::Message>(again));
  if (n.data.size() > bgp::max_message - 21) return;  // it was cut
  const auto back = bgp::parse_notification(std::get<bgp::Message>(again).body());
  require(std::holds_alternative<bgp::Notification>(back));
  require(std::get<bgp::Notification>(back) == n);
}

void any_message(const bgp::Message& message) {
  if (message.type == bgp::Type::notification) {
    const auto n = bgp::parse_notification(message.body());
    require(std::holds_alternative<bgp::Notification>(n));
    any_notification(std::get<bgp::Notification>(n));
  }
  if (message.type == bgp::Type::route_refresh) {
    const auto refresh = bgp::parse_route_refresh(message);
    if (const auto* n = std::get_if<bgp::Notification>(&refresh)) return any_notification(*n);
    (void)bgp::encode(std::get<bgp::RouteRefresh>(refresh));
  }
}

// Less of the input gives the same answer, or none yet.
void less_is_the_same(bgp::Bytes input, std::size_t limit) {
  const auto whole = bgp::first_message(input, limit);
  for (std::size_t n = 0; n < input.size() && n < 64; ++n) {
    const auto part = bgp::first_message(input.first(n), limit);
    if (std::holds_alternative<bgp::NeedMore>(part)) continue;
    require(part.index() == whole.index());
    if (const auto* fault = std::get_if<bgp::Notification>(&part))
      require(*fault == std::get<bgp::Notification>(whole));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Most inputs would fail at the marker: the first byte says whether to write one.
  if (size == 0) return 0;
  const std::size_t limit = data[0] & 1 ? bgp::max_extended : bgp::max_message;
  bgp::Buffer stream(data[0] & 2 ? 16 : 0, 0xff);
  stream.insert(stream.end(), data + 1, data + size);
  if (const auto n = bgp::parse_notification(bgp::Bytes(data, size));
      std::holds_alternative<bgp::Notification>(n))
    any_notification(std::get<bgp::Notification>(n));

  for (bgp::Bytes rest(stream); !rest.empty();) {
    less_is_the_same(rest, limit);
    const auto first = bgp::first_message(rest, limit);
    if (const auto* n = std::get_if<bgp::Notification>(&first)) any_notification(*n);
    const auto* message = std::get_if<bgp::Message>(&first);
    if (!message) break;
    require(message->whole.size() >= bgp::header_size && message->whole.size() <= limit);
    any_message(*message);
    rest = rest.subspan(message->whole.size());
  }
  return 0;
}
