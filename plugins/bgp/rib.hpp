// Rib: routes of one direction (what the app has announced to the peer: Adj-RIB-Out; or a kept copy
// of what the peer has announced: Adj-RIB-In). It changes only by applying records, so that a
// snapshot is a list of records. Attributes are shared by all routes that have the same.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "update.hpp"

namespace bgp {

// One change. Spans are valid while apply() runs.
struct Record {
  enum class Kind : std::uint8_t {
    announce,       // family, key, entry, attributes
    withdraw,       // family, key
    mark_stale,     // every route: not announced again yet
    forget_family,  // family: every route of it
    clear,          // every route
  } kind = Kind::clear;
  Family family;
  Bytes key, entry;
  const PathAttributes* attributes = nullptr;
};

class Rib {
 public:
  Rib();
  ~Rib();
  Rib(Rib&&) noexcept;
  Rib& operator=(Rib&&) noexcept;

  // True: the set of routes or their attributes changed (an announcement that says what is known
  // already only takes the staleness away: false).
  bool apply(const Record&);
  // Every record that one UPDATE means, applied in the order of RFC 4271 (withdrawn first).
  // Families without known NLRI are passed over. False: its NLRI cannot be delimited; what came
  // before is applied.
  bool apply(const Update&, const std::map<Family, bool>& add_path);

  std::size_t size() const;
  std::size_t size(Family) const;
  std::size_t stale() const;
  std::size_t attribute_sets() const;
  std::size_t memory() const;  // bytes, estimated from what is allocated
  std::vector<Family> families() const;
  bool has(Family, Bytes key) const;

  // A snapshot: the records that make an equal Rib from an empty one, written one after another;
  // and back. False: damaged; the Rib is then empty.
  Buffer save() const;
  bool load(Bytes);

  // A way through routes that are to be sent to somebody, routes with the same attributes together.
  // Made in no time, it outlives changes of the Rib: every route that was there when it was made,
  // and has stayed as it was, has its turn; what has gone meanwhile is passed over, what has
  // changed or come since may be met, as it is then.
  class Walk {
   public:
    Walk();
    ~Walk();
    Walk(Walk&&) noexcept;
    Walk& operator=(Walk&&) noexcept;
    bool done() const;

   private:
    friend class Rib;
    struct State;
    std::unique_ptr<State> s_;
  };
  Walk walk(Family) const;
  Walk walk_all() const;
  // Of routes that are stale now and still are at their turn. A mark_stale meanwhile adds none.
  Walk walk_stale() const;
  // Next UPDATEs of a walk: calls send(message) until it answers false (no room: that message is
  // offered again next time), or the walk is done, or `most` messages were sent, or 16384 routes
  // were looked at, whatever became of them: go on while it is not done. Answers how many routes
  // were left out now, as no message of that limit holds them (see build_announcements).
  std::size_t announce(Walk&, std::size_t limit, std::size_t most,
                       const std::function<bool(Bytes)>& send) const;
  // The same as withdrawals, of routes that have not been announced again since the walk was made
  // and, with `only_stale`, were stale then; each is removed when its message was taken, or at once
  // where no message holds it (then the peer cannot have it).
  void withdraw(Walk&, bool only_stale, std::size_t limit, std::size_t most,
                const std::function<bool(Bytes)>& send);

 private:
  struct State;
  std::unique_ptr<State> s_;
};

}  // namespace bgp
