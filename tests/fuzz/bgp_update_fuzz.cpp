// UPDATE messages: taken apart, put together again, rewritten, and applied to a Rib.
#include <cstdlib>

#include "rib.hpp"

using namespace bgp;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// A Rib made from what another sends, or from its snapshot, is the same.
void replay(const Rib& rib, const std::map<Family, bool>& add_path) {
  Rib copy;
  std::size_t left_out = 0;
  for (auto walk = rib.walk_all(); !walk.done();)
    left_out += rib.announce(walk, max_message, 64, [&](Bytes message) {
      require(message.size() <= max_message);
      const auto parsed = parse_update(message.subspan(header_size));
      const auto* update = std::get_if<Update>(&parsed);
      require(update != nullptr);
      require(copy.apply(*update, add_path));
      return true;
    });
  require(copy.size() + left_out == rib.size());
  const auto bytes = rib.save();
  require(copy.load(bytes) && copy.save() == bytes);
  for (auto walk = copy.walk_all(); !walk.done();)
    copy.withdraw(walk, false, max_message, 64, [&](Bytes message) {
      require(message.size() <= max_message);
      const auto parsed = parse_update(message.subspan(header_size));
      require(std::holds_alternative<Update>(parsed));
      return true;
    });
  require(copy.size() == 0);
}

// A snapshot whose checksum is right, whatever it says.
void load_anything(Bytes records) {
  Buffer snapshot{'R', 'I', 'B', 1};
  put(snapshot, records);
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const auto b : snapshot) sum = (sum ^ b) * 0x100000001b3;
  put32(snapshot, static_cast<std::uint32_t>(sum >> 32));
  put32(snapshot, static_cast<std::uint32_t>(sum));
  Rib rib;
  if (!rib.load(snapshot)) {
    require(rib.size() == 0);
    return;
  }
  const auto bytes = rib.save();
  Rib copy;
  require(copy.load(bytes) && copy.save() == bytes && copy.size() == rib.size());
  for (auto walk = copy.walk_all(); !walk.done();)
    copy.withdraw(walk, false, max_message, 64, [](Bytes) { return true; });
  require(copy.size() == 0);
}

}  // namespace

// The first byte: whether there are path identifiers. Then bodies of UPDATEs, each behind two bytes
// of length.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in(Bytes(data, size));
  const auto flags = in.u8();
  if (!flags) return 0;
  std::map<Family, bool> add_path;
  if ((*flags & 1) != 0)
    add_path = {{{1, 1}, true}, {{2, 1}, true}, {{1, 4}, true}, {{2, 128}, true}, {{1, 133}, true}};
  Rib rib;
  while (const auto length = in.u16()) {
    const Bytes body = in.rest().first(std::min<std::size_t>(*length, in.left()));
    in.take(body.size());
    const auto parsed = parse_update(body);
    if (const auto* update = std::get_if<Update>(&parsed)) {
      (void)update->end_of_rib();
      rib.apply(*update, add_path);
      if ((*flags & 2) != 0) rib.apply({.kind = Record::Kind::mark_stale});
    }
    Buffer message;
    message.resize(header_size);  // of a vector made at that size g++ 12 thinks that it cannot grow
    put(message, body);
    const NextHopRule rule{NextHopRule::What::always, {{192, 0, 2, 1}}, {{0xfe}}};
    rewrite_next_hops(message, rule);
    require(message.size() == header_size + body.size());
  }
  replay(rib, add_path);
  load_anything(Bytes(data, size));
  return 0;
}
