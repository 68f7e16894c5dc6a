// Walks over a Rib: its routes as UPDATEs, a few at a time. Called by a bgp session that replays to
// a peer or an app, answers a ROUTE-REFRESH (RFC 2918), or withdraws.
//
// A walk is a place: a set of attributes, and how many of its routes, counted from the first, are
// still to come. A set grows at its end, and where a route leaves the last one takes its place, so
// whatever happens no route of those that are to come gets out of the walk's way, but by a change
// of its attributes.
#include "rib_table.hpp"

namespace bgp {
namespace {
constexpr std::size_t most_looked_at = 16384;  // removing so many takes some 4 ms
}

struct Rib::Walk::State {
  std::vector<Family> families;  // still to come, the present one last
  Id set = 0, sets_end = 0;
  std::size_t place = no_id;  // no_id: the set has not been begun
  bool only_stale = false;
  std::uint32_t made = 0, stale_before = 0;  // Clock when the walk was made

  void begin(const Rib::State& rib) {
    const auto it = families.empty() ? rib.tables.end() : rib.tables.find(families.back());
    set = 0;
    sets_end = it == rib.tables.end() ? 0 : it->second.sets_end();
    place = no_id;
  }
  void next_set() {
    ++set;
    place = no_id;
  }
  // Is there a route of the present family, and which? It is taken off.
  Id next(const Table& table) {
    const auto end = std::min(sets_end, table.sets_end());
    if (set >= end) return no_id;
    const auto& routes = table.set(set).routes;
    place = std::min(place, routes.size());
    return place > 0 ? routes[--place] : no_id;
  }
  bool family_done(const Table* table) const {
    return table == nullptr || set >= std::min(sets_end, table->sets_end());
  }
};

Rib::Walk::Walk() = default;
Rib::Walk::~Walk() = default;
Rib::Walk::Walk(Walk&&) noexcept = default;
Rib::Walk& Rib::Walk::operator=(Walk&&) noexcept = default;
bool Rib::Walk::done() const {
  return !s_ || s_->families.empty();
}

Rib::Walk Rib::walk(Family family) const {
  Walk walk;
  walk.s_ = std::make_unique<Walk::State>();
  if (s_->find(family) != nullptr) walk.s_->families.push_back(family);
  walk.s_->made = s_->clock.advance();
  walk.s_->stale_before = s_->clock.stale_before;
  walk.s_->begin(*s_);
  return walk;
}

Rib::Walk Rib::walk_all() const {
  Walk all = walk({});
  const auto present = families();
  all.s_->families.assign(present.rbegin(), present.rend());
  all.s_->begin(*s_);
  return all;
}

Rib::Walk Rib::walk_stale() const {
  Walk stale = walk_all();
  stale.s_->only_stale = true;
  if (this->stale() == 0) stale.s_->families.clear();
  return stale;
}

std::size_t Rib::announce(Walk& walk, std::size_t limit, std::size_t most,
                          const std::function<bool(Bytes)>& send) const {
  std::size_t left_out = 0, looked_at = 0;
  std::vector<Bytes> entries;
  while (!walk.done()) {
    auto& at = *walk.s_;
    const Family family = at.families.back();
    const Table* table = s_->find(family);
    if (at.family_done(table)) {
      at.families.pop_back();
      at.begin(*s_);
      continue;
    }
    if (most == 0 || looked_at >= most_looked_at) return left_out;
    const PathAttributes& attributes = table->set(at.set).attributes;
    const std::size_t room = room_to_announce(family, attributes, limit);
    const std::size_t before = at.place;
    std::size_t taken = 0, too_long = 0;
    entries.clear();
    for (; looked_at < most_looked_at; ++looked_at) {
      const Id id = at.next(*table);
      if (id == no_id) break;
      const Route& route = table->route(id);
      if (at.only_stale && route.announced >= at.stale_before) continue;
      const Bytes entry = Table::entry_of(route);
      if (entry.size() > room) {
        ++too_long;
        continue;
      }
      if (entry.size() > room - taken) {
        ++at.place;
        break;
      }
      entries.push_back(entry);
      taken += entry.size();
    }
    bool sent = true;
    build_announcements(family, attributes, entries, limit, [&](Bytes m) { sent = send(m); });
    if (!sent) {
      at.place = before;
      return left_out;
    }
    left_out += too_long;
    if (!entries.empty()) --most;
    if (at.place == 0) {
      at.next_set();
      ++looked_at;
    }
  }
  return left_out;
}

void Rib::withdraw(Walk& walk, bool only_stale, std::size_t limit, std::size_t most,
                   const std::function<bool(Bytes)>& send) {
  std::size_t looked_at = 0;
  std::vector<Id> routes;
  std::vector<std::size_t> sizes;
  std::vector<Bytes> entries;
  Buffer bytes;
  while (!walk.done()) {
    auto& at = *walk.s_;
    const Family family = at.families.back();
    Table* table = s_->find(family);
    if (at.family_done(table)) {
      at.families.pop_back();
      at.begin(*s_);
      continue;
    }
    if (most == 0 || looked_at >= most_looked_at) return;
    const std::uint32_t announced_before = at.only_stale || only_stale ? at.stale_before : at.made;
    const std::size_t room = room_to_withdraw(family, limit);
    const Id set_before = at.set;
    const std::size_t place_before = at.place;
    routes.clear();
    sizes.clear();
    bytes.clear();
    // Withdrawals bear no attributes: one message goes over as many sets as it has room for.
    for (; looked_at < most_looked_at && !at.family_done(table); ++looked_at) {
      const Id id = at.next(*table);
      if (id == no_id) {
        at.next_set();
        continue;
      }
      const Route& route = table->route(id);
      if (route.announced >= announced_before) continue;
      Buffer entry = withdrawal_of(family, Table::key_of(route), Table::entry_of(route));
      if (entry.size() > room) entry.clear();  // cannot have been sent under this limit
      if (entry.size() > room - bytes.size()) {
        ++at.place;
        break;
      }
      routes.push_back(id);
      sizes.push_back(entry.size());
      put(bytes, entry);
    }
    entries.clear();
    std::size_t from = 0;
    for (const std::size_t size : sizes) {
      if (size > 0) entries.push_back(Bytes(bytes).subspan(from, size));
      from += size;
    }
    bool sent = true;
    build_withdrawals(family, entries, limit, [&](Bytes m) { sent = send(m); });
    if (!sent) {
      at.set = set_before;
      at.place = place_before;
      return;
    }
    for (const Id id : routes) table->remove(id);
    if (!entries.empty()) --most;
    s_->tidy(family);
  }
}

}  // namespace bgp
