// Inside of Rib: the routes of one family. Ids stand for pointers (half the size, and a walk may
// keep one while its route goes). Only rib.cpp and rib_walk.cpp include this.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>

#include "rib.hpp"

namespace bgp {

using Id = std::uint32_t;
inline constexpr Id no_id = ~Id{0};

// Objects in blocks that never move; ids of objects that were given back are taken again.
template <class T>
class Pool {
 public:
  Id take() {
    if (!free_.empty()) {
      const Id id = free_.back();
      free_.pop_back();
      return id;
    }
    if (end_ % block == 0) blocks_.push_back(std::make_unique<T[]>(block));
    return end_++;
  }
  void give(Id id) {
    (*this)[id] = T{};
    free_.push_back(id);
  }
  T& operator[](Id id) { return blocks_[id / block][id % block]; }
  const T& operator[](Id id) const { return blocks_[id / block][id % block]; }
  Id end() const { return end_; }
  std::size_t size() const { return end_ - free_.size(); }
  std::size_t memory() const {
    return blocks_.size() * block * sizeof(T) + blocks_.capacity() * sizeof(blocks_[0]) +
           free_.capacity() * sizeof(Id);
  }

 private:
  static constexpr Id block = 128;
  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<Id> free_;
  Id end_ = 0;
};

// Ids by hash: open addressing with linear probing. The hash stands beside the id, so that neither
// a miss nor growth looks at the objects.
class Index {
 public:
  template <class Is>
  Id find(std::uint32_t hash, Is&& is) const {
    if (slots_.empty()) return no_id;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      if (slots_[at].id == no_id) return no_id;
      if (slots_[at].hash == hash && is(slots_[at].id)) return slots_[at].id;
    }
  }
  void insert(std::uint32_t hash, Id id);
  void erase(std::uint32_t hash, Id id);
  std::size_t memory() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    Id id = no_id;
  };
  std::size_t mask() const { return slots_.size() - 1; }
  void put(Slot);

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

// Orders announcements, marks and walks. `now` only grows when something was announced since, so
// that 2^32 of them are out of reach.
struct Clock {
  std::uint32_t now = 1, stale_before = 0;
  bool used = false;
  std::uint32_t advance() {  // whatever was announced up to here lies before the answer
    if (used) ++now;
    used = false;
    return now;
  }
};

struct Route {
  Id set = no_id;           // its attributes; no_id: not in use
  std::uint32_t place = 0;  // in Set::routes
  std::uint32_t announced = 0;
  std::uint16_t key_size = 0, entry_size = 0;  // entry_size 0: the entry is the key
  std::array<std::uint8_t, 20> bytes{};        // key and entry, or where they are
};

struct Set {  // routes with the same attributes
  PathAttributes attributes;
  std::uint32_t hash = 0;
  std::vector<Id> routes;  // without any: not in use
};

class Table {
 public:
  Table(Clock& clock, std::uint64_t seed) : clock_(&clock), seed_(seed) {}
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // The set with these attributes. It may be new and empty: announce into it, then drop_if_empty.
  Id intern(const PathAttributes&);
  void drop_if_empty(Id set);
  // True: the route is new, or its attributes or its entry.
  bool announce(Bytes key, Bytes entry, Id set);
  Id find(Bytes key) const;
  void remove(Id route);
  void mark_stale() { stale_ = size(); }  // the caller advances the clock

  std::size_t size() const { return routes_.size(); }
  std::size_t stale() const { return stale_; }
  bool is_stale(const Route& route) const { return route.announced < clock_->stale_before; }
  std::size_t set_count() const { return sets_.size(); }
  Id sets_end() const { return sets_.end(); }
  const Set& set(Id id) const { return sets_[id]; }
  Route& route(Id id) { return routes_[id]; }
  const Route& route(Id id) const { return routes_[id]; }
  void count_stale() { ++stale_; }  // of a route that was loaded as such
  std::size_t memory() const;

  static Bytes key_of(const Route&);
  static Bytes entry_of(const Route&);

 private:
  std::uint32_t hash_of(Bytes, std::uint64_t seed) const;
  static bool fits(const Route& route) {
    return std::size_t{route.key_size} + route.entry_size <= route.bytes.size();
  }
  void store(Route&, Bytes key, Bytes entry);
  void unstore(Route&);
  void link(Id route, Id set);
  void unlink(Id route);

  Clock* clock_;
  std::uint64_t seed_;
  Pool<Route> routes_;
  Pool<Set> sets_;
  Index by_key_, by_attributes_;
  std::size_t stale_ = 0;
  std::size_t outside_ = 0;  // bytes of keys and entries that Route::bytes has no room for
};

struct Rib::State {
  std::map<Family, Table> tables;  // none is empty
  Clock clock;
  std::uint64_t seed = 0;

  Table& table(Family family) { return tables.try_emplace(family, clock, seed).first->second; }
  Table* find(Family family) {
    const auto it = tables.find(family);
    return it == tables.end() ? nullptr : &it->second;
  }
  // An empty table goes, with what it had grown to.
  void tidy(Family family) {
    const auto it = tables.find(family);
    if (it != tables.end() && it->second.size() == 0) tables.erase(it);
  }
};

}  // namespace bgp
