// OPENs: what is read is written to something that reads the same, and any two agree or do not.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "open.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::optional<bgp::Open> read(bgp::Bytes body) {
  const auto result = bgp::parse_open(body);
  if (const auto* n = std::get_if<bgp::Notification>(&result)) {
    require(n->code == bgp::code::open || body.size() < 10);
    (void)bgp::describe(*n);
    return std::nullopt;
  }
  return std::get<bgp::Open>(result);
}

// What encode() does not write is taken out first.
bgp::Open as_written(bgp::Open open) {
  open.capabilities.unknown.clear();
  open.capabilities.roles_differ = false;
  open.has_capabilities = open.capabilities != bgp::Capabilities{};
  return open;
}

void round_trip(const bgp::Open& open) {
  const auto wire = bgp::encode(open);
  const auto again = read(bgp::Bytes(wire).subspan(bgp::header_size));
  require(again && *again == as_written(open));
}

void agree(const bgp::Open& ours, const bgp::Open& theirs) {
  const auto result = bgp::agree(ours, theirs, {});
  if (const auto* n = std::get_if<bgp::Notification>(&result)) {
    (void)bgp::describe(*n);
    return;
  }
  const auto& link = std::get<bgp::Agreement>(result);
  const auto shown = bgp::open_for_app(theirs, link, 90);
  (void)bgp::encode(shown);
  // An app that says what we have said to the peer lacks nothing.
  const auto app = bgp::agree(shown, ours, {});
  if (const auto* both = std::get_if<bgp::Agreement>(&app))
    require(bgp::lacking(link, *both).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > bgp::max_message) return 0;
  // Two OPENs, cut apart where the first byte says.
  const bgp::Bytes input(data + 1, size - 1);
  const auto cut = std::min<std::size_t>(data[0], input.size());
  const auto one = read(input.first(cut)), two = read(input.subspan(cut)), whole = read(input);
  for (const auto* open : {&one, &two, &whole})
    if (*open) round_trip(**open);
  if (one && two) agree(*one, *two);
  if (whole) agree(*whole, *whole);
  return 0;
}
