// The routes of one family: a hash index over keys, attributes interned by their content, and for
// each set of attributes the list of its routes. Owned by Rib. No RFC: plain data.
#include "rib_table.hpp"

namespace bgp {
namespace {

bool same(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

void Index::put(Slot slot) {
  std::size_t at = slot.hash & mask();
  while (slots_[at].id != no_id) at = (at + 1) & mask();
  slots_[at] = slot;
}

void Index::insert(std::uint32_t hash, Id id) {
  if ((used_ + 1) * 10 > slots_.size() * 7) {
    std::vector<Slot> old(std::max<std::size_t>(16, slots_.size() * 2));
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.id != no_id) put(slot);
  }
  put({hash, id});
  ++used_;
}

void Index::erase(std::uint32_t hash, Id id) {
  std::size_t hole = hash & mask();
  while (slots_[hole].id != id) hole = (hole + 1) & mask();
  // Whatever was pushed past the hole moves up, else it would not be found any more.
  for (std::size_t at = (hole + 1) & mask(); slots_[at].id != no_id; at = (at + 1) & mask()) {
    const std::size_t home = slots_[at].hash & mask();
    if (((at - home) & mask()) < ((at - hole) & mask())) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
  --used_;
}

Table::~Table() {
  if (outside_ == 0) return;
  for (Id id = 0; id < routes_.end(); ++id) unstore(routes_[id]);
}

// Seeded, so that nobody outside can choose routes that collide.
std::uint32_t Table::hash_of(Bytes bytes, std::uint64_t seed) const {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
  std::uint64_t hash = seed ^ bytes.size() * odd;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * odd;
    hash ^= hash >> 29;
  };
  std::size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    mix(word);
  }
  std::uint64_t word = 0;
  for (; at < bytes.size(); ++at) word = word << 8 | bytes[at];
  mix(word);
  mix(seed_);
  return static_cast<std::uint32_t>(hash >> 32 ^ hash);
}

// A Route outside of its array holds a pointer in it.
Bytes Table::key_of(const Route& route) {
  if (fits(route)) return Bytes(route.bytes).first(route.key_size);
  const std::uint8_t* at = nullptr;
  std::memcpy(&at, route.bytes.data(), sizeof at);
  return {at, route.key_size};
}

Bytes Table::entry_of(const Route& route) {
  const Bytes key = key_of(route);
  return route.entry_size == 0 ? key : Bytes{key.data() + key.size(), route.entry_size};
}

void Table::store(Route& route, Bytes key, Bytes entry) {
  if (same(key, entry)) entry = {};
  route.key_size = static_cast<std::uint16_t>(key.size());
  route.entry_size = static_cast<std::uint16_t>(entry.size());
  std::uint8_t* to = route.bytes.data();
  if (!fits(route)) {
    to = std::make_unique<std::uint8_t[]>(key.size() + entry.size()).release();
    std::memcpy(route.bytes.data(), &to, sizeof to);
    outside_ += key.size() + entry.size();
  }
  to = std::ranges::copy(key, to).out;
  std::ranges::copy(entry, to);
}

void Table::unstore(Route& route) {
  if (fits(route)) return;
  std::uint8_t* at = nullptr;
  std::memcpy(&at, route.bytes.data(), sizeof at);
  const std::unique_ptr<std::uint8_t[]> owned(at);
  outside_ -= std::size_t{route.key_size} + route.entry_size;
  route.key_size = route.entry_size = 0;
}

Id Table::intern(const PathAttributes& attributes) {
  const std::uint32_t hash =
      hash_of(attributes.plain, seed_ + hash_of(attributes.mp_next_hop, seed_));
  const Id known =
      by_attributes_.find(hash, [&](Id id) { return sets_[id].attributes == attributes; });
  if (known != no_id) return known;
  const Id id = sets_.take();
  sets_[id].attributes = attributes;
  sets_[id].hash = hash;
  by_attributes_.insert(hash, id);
  return id;
}

void Table::drop_if_empty(Id set) {
  if (!sets_[set].routes.empty()) return;
  by_attributes_.erase(sets_[set].hash, set);
  sets_.give(set);
}

void Table::link(Id route, Id set) {
  auto& routes = sets_[set].routes;
  routes_[route].set = set;
  routes_[route].place = static_cast<std::uint32_t>(routes.size());
  routes.push_back(route);
}

// The last route of the set takes the place: a walk, which goes from the last to the first, has
// seen it already or sees it there.
void Table::unlink(Id id) {
  const Id set = routes_[id].set;
  auto& routes = sets_[set].routes;
  const Id last = routes.back();
  routes[routes_[id].place] = last;
  routes_[last].place = routes_[id].place;
  routes.pop_back();
  drop_if_empty(set);
}

Id Table::find(Bytes key) const {
  return by_key_.find(hash_of(key, seed_), [&](Id id) { return same(key_of(routes_[id]), key); });
}

bool Table::announce(Bytes key, Bytes entry, Id set) {
  const std::uint32_t hash = hash_of(key, seed_);
  Id id = by_key_.find(hash, [&](Id i) { return same(key_of(routes_[i]), key); });
  clock_->used = true;
  if (id == no_id) {
    id = routes_.take();
    store(routes_[id], key, entry);
    routes_[id].announced = clock_->now;
    link(id, set);
    by_key_.insert(hash, id);
    return true;
  }
  Route& route = routes_[id];
  if (is_stale(route)) --stale_;
  route.announced = clock_->now;
  bool changed = false;
  if (!same(entry_of(route), entry)) {
    unstore(route);
    store(route, key, entry);
    changed = true;
  }
  if (route.set != set) {
    unlink(id);
    link(id, set);
    changed = true;
  }
  return changed;
}

void Table::remove(Id id) {
  Route& route = routes_[id];
  if (is_stale(route)) --stale_;
  by_key_.erase(hash_of(key_of(route), seed_), id);
  unlink(id);
  unstore(route);
  routes_.give(id);
}

std::size_t Table::memory() const {
  std::size_t sum = sizeof *this + routes_.memory() + sets_.memory() + by_key_.memory() +
                    by_attributes_.memory() + outside_;
  for (Id id = 0; id < sets_.end(); ++id) {
    const Set& s = sets_[id];
    sum += s.attributes.plain.capacity() + s.attributes.mp_next_hop.capacity() +
           s.routes.capacity() * sizeof(Id);
  }
  return sum;
}

}  // namespace bgp
