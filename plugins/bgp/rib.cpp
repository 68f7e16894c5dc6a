// Rib: what records and UPDATEs do to the routes (RFC 4271 §3.1, RFC 7606 §4), and snapshots. Owned
// by a bgp session, one for each direction that is kept.
#include "rib.hpp"

#include <random>

#include "rib_table.hpp"

namespace bgp {

Rib::Rib() : s_(std::make_unique<State>()) {
  // Asked for once: a virtual machine takes its time to tell what its processor can do.
  static const std::uint64_t secret = [] {
    std::random_device random;
    return std::uint64_t{random()} << 32 | random();
  }();
  s_->seed = secret;
}
Rib::~Rib() = default;
Rib::Rib(Rib&&) noexcept = default;
Rib& Rib::operator=(Rib&&) noexcept = default;

bool Rib::apply(const Record& record) {
  switch (record.kind) {
    case Record::Kind::announce: {
      const Bytes entry = record.entry.empty() ? record.key : record.entry;
      if (record.key.empty() || record.attributes == nullptr) return false;
      // What came in no message (a snapshot keeps sizes as the protocol has them).
      if (record.key.size() > max_extended || entry.size() > max_extended ||
          record.attributes->plain.size() > max_extended ||
          record.attributes->mp_next_hop.size() > 0xff)
        return false;
      Table& table = s_->table(record.family);
      const Id set = table.intern(*record.attributes);
      return table.announce(record.key, entry, set);
    }
    case Record::Kind::withdraw: {
      Table* table = s_->find(record.family);
      const Id route = table != nullptr ? table->find(record.key) : no_id;
      if (route == no_id) return false;
      table->remove(route);
      s_->tidy(record.family);
      return true;
    }
    case Record::Kind::mark_stale:
      s_->clock.stale_before = s_->clock.advance();
      for (auto& [family, table] : s_->tables) table.mark_stale();
      return false;
    case Record::Kind::forget_family:
      return s_->tables.erase(record.family) > 0;
    case Record::Kind::clear: {
      const bool any = !s_->tables.empty();
      s_->tables.clear();
      return any;
    }
  }
  return false;
}

bool Rib::apply(const Update& update, const std::map<Family, bool>& add_path) {
  const auto with_path = [&add_path](Family family) {
    const auto it = add_path.find(family);
    return it != add_path.end() && it->second;
  };
  const auto withdraw = [&](Family family, Bytes nlri) {
    if (!knows_nlri(family) || nlri.empty()) return true;
    return each_nlri(family, with_path(family), nlri, [&](Bytes key, Bytes) {
      apply({.kind = Record::Kind::withdraw, .family = family, .key = key});
    });
  };
  const auto announce = [&](Family family, Bytes nlri, bool of_mp_reach) {
    if (!knows_nlri(family) || nlri.empty()) return true;
    if (update.overrun) return withdraw(family, nlri);  // RFC 7606 §4
    Table& table = s_->table(family);
    const Id set = table.intern(attributes_of(update, of_mp_reach));
    const bool whole = each_nlri(family, with_path(family), nlri,
                                 [&](Bytes key, Bytes entry) { table.announce(key, entry, set); });
    table.drop_if_empty(set);
    s_->tidy(family);
    return whole;
  };
  // RFC 4271 §4.3: a prefix that stands in both fields is announced.
  return withdraw(ipv4_unicast, update.withdrawn) &&
         (!update.unreach || withdraw(update.unreach->family, update.unreach->nlri)) &&
         announce(ipv4_unicast, update.nlri, false) &&
         (!update.reach || announce(update.reach->family, update.reach->nlri, true));
}

std::size_t Rib::size() const {
  std::size_t sum = 0;
  for (const auto& [family, table] : s_->tables) sum += table.size();
  return sum;
}
std::size_t Rib::size(Family family) const {
  const Table* table = s_->find(family);
  return table != nullptr ? table->size() : 0;
}
std::size_t Rib::stale() const {
  std::size_t sum = 0;
  for (const auto& [family, table] : s_->tables) sum += table.stale();
  return sum;
}
std::size_t Rib::attribute_sets() const {
  std::size_t sum = 0;
  for (const auto& [family, table] : s_->tables) sum += table.set_count();
  return sum;
}
std::size_t Rib::memory() const {
  std::size_t sum = sizeof *this + sizeof *s_;
  for (const auto& [family, table] : s_->tables) sum += table.memory();
  return sum;
}
std::vector<Family> Rib::families() const {
  std::vector<Family> result;
  for (const auto& [family, table] : s_->tables) result.push_back(family);
  return result;
}
bool Rib::has(Family family, Bytes key) const {
  const Table* table = s_->find(family);
  return table != nullptr && table->find(key) != no_id;
}

// A snapshot: magic; records; a checksum. A route's attributes are those of the record before it.
namespace {

constexpr std::array<std::uint8_t, 4> magic{'R', 'I', 'B', 1};
enum Kept : std::uint8_t { kept_attributes = 1, kept_route, kept_stale_route };

// FNV-1a.
std::uint64_t checksum(Bytes bytes) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const std::uint8_t b : bytes) sum = (sum ^ b) * 0x100000001b3;
  return sum;
}

void put_sized(Buffer& to, Bytes bytes) {
  put16(to, static_cast<std::uint32_t>(bytes.size()));
  put(to, bytes);
}
std::optional<Bytes> take_sized(Reader& in) {
  const auto size = in.u16();
  return size ? in.take(*size) : std::nullopt;
}

}  // namespace

Buffer Rib::save() const {
  Buffer out(magic.begin(), magic.end());
  out.reserve(64 + size() * 12);
  for (const auto& [family, table] : s_->tables) {
    for (Id id = 0; id < table.sets_end(); ++id) {
      const Set& set = table.set(id);
      if (set.routes.empty()) continue;
      put8(out, kept_attributes);
      put16(out, family.afi);
      put8(out, family.safi);
      put_sized(out, set.attributes.plain);
      put_sized(out, set.attributes.mp_next_hop);
      for (const Id at : set.routes) {
        const Route& route = table.route(at);
        put8(out, table.is_stale(route) ? kept_stale_route : kept_route);
        put_sized(out, Table::key_of(route));
        put_sized(out, route.entry_size > 0 ? Table::entry_of(route) : Bytes{});
      }
    }
  }
  const std::uint64_t sum = checksum(out);
  put32(out, static_cast<std::uint32_t>(sum >> 32));
  put32(out, static_cast<std::uint32_t>(sum));
  return out;
}

bool Rib::load(Bytes bytes) {
  *this = Rib();
  if (bytes.size() < magic.size() + 8) return false;
  Reader tail(bytes.last(8));
  const std::uint64_t high = *tail.u32();
  if (checksum(bytes.first(bytes.size() - 8)) != (high << 32 | *tail.u32())) return false;
  Reader in(bytes.first(bytes.size() - 8));
  if (!std::ranges::equal(*in.take(magic.size()), magic)) return false;

  Rib rib;
  Clock& clock = rib.s_->clock;
  clock.stale_before = clock.now;
  Table* table = nullptr;
  Family family;
  PathAttributes attributes;
  while (!in.empty()) {
    const auto kind = in.u8();
    if (kind == kept_attributes) {
      const auto afi = in.u16();
      const auto safi = in.u8();
      const auto plain = take_sized(in);
      const auto next_hop = take_sized(in);
      if (!next_hop || next_hop->size() > 0xff) return false;
      family = {*afi, *safi};
      attributes.plain.assign(plain->begin(), plain->end());
      attributes.mp_next_hop.assign(next_hop->begin(), next_hop->end());
      table = &rib.s_->table(family);
    } else if (kind == kept_route || kind == kept_stale_route) {
      const auto key = take_sized(in);
      const auto entry = take_sized(in);
      if (!entry || table == nullptr || key->empty() || table->find(*key) != no_id) return false;
      table->announce(*key, entry->empty() ? *key : *entry, table->intern(attributes));
      if (kind == kept_route) continue;
      table->route(table->find(*key)).announced = 0;
      table->count_stale();
    } else {
      return false;
    }
  }
  for (const Family each : rib.families()) rib.s_->tidy(each);
  *this = std::move(rib);
  return true;
}

}  // namespace bgp
