// Holding: what becomes of what the app has announced, when the app goes, returns, or stays away. A
// pure machine: the caller says what happened and how late it is, and does what is answered.
//
//   no_app ── app_up ──> returning ── complete ──> attached ── app_gone ──> no_app (holding, while
//   there are routes, until the limit)
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "family.hpp"

namespace bgp {

using Ms = std::int64_t;

enum class OnLoss : std::uint8_t { hold, withdraw, close };
enum class OnLimit : std::uint8_t { withdraw, close };

struct HoldRules {
  OnLoss on_app_loss = OnLoss::hold;
  std::optional<Ms> hold_limit = 120000;  // none: for ever
  OnLimit on_hold_limit = OnLimit::withdraw;
  Ms settle = 30000, stale_time = 120000;
  Ms reset_after = 30000;  // retry.reset_after
};

struct Holding {
  enum class App : std::uint8_t { absent, returning, attached } app = App::absent;
  std::optional<Ms> app_since;  // when it became Established, or went
  std::optional<Ms>
      complete_since;        // of an attached app: what it does not announce has been withdrawn
  std::set<Family> awaited;  // families whose End-of-RIB the app still owes
  Ms held_ms = 0;            // of the limit, used up before `clock_since`
  std::optional<Ms> clock_since;  // the limit's clock runs since
  std::optional<Ms> once;         // `peerhold hold --for`: instead of hold_limit for the present or
                                  // the next hold
  bool once_begun = false;        // it is the present one's: used up with it
  bool close_asked = false;  // on_hold_limit = "close" has been carried out; the next app ends it
  bool operator==(const Holding&) const = default;
};

// What to do; at most one of them follows from one step. After withdraw_all and close nothing is
// held any more: the caller empties the Rib.
enum class HoldAct : std::uint8_t {
  none,
  mark_stale,      // an app has come: every route that is held is stale until it is announced again
  withdraw_stale,  // it is complete: withdraw what is still stale
  withdraw_all,    // end of the pretence: withdraw everything, stay Established
  close,           // ... by Cease and no link until an app comes
};

// An app has become Established with these families, of which `held` routes are in the Rib. With
// nothing held there is nothing to wait for: the app is complete at once (mark_stale is not
// answered).
HoldAct app_up(Holding&, const HoldRules&, std::set<Family> families, std::size_t held, Ms now);
HoldAct app_end_of_rib(Holding&, const HoldRules&, Family, Ms now);
HoldAct app_gone(Holding&, const HoldRules&, std::size_t held, Ms now);
// `peerhold hold --for`, `peerhold release`. release: withdraw_all when an absent app's routes are
// held, withdraw_stale when an app is returning.
HoldAct hold_for(Holding&, const HoldRules&, std::size_t held, Ms duration, Ms now);
HoldAct release(Holding&, const HoldRules&, std::size_t held, Ms now);
// Time has passed (see next_due), or the number of held routes or the rules changed.
HoldAct tick(Holding&, const HoldRules&, std::size_t held, Ms now);

// When tick() must be called next; none: not by itself. What is in the past is due now.
std::optional<Ms> next_due(const Holding&, const HoldRules&, std::size_t held);
// For status: what is left of the limit while an absent app's routes are held.
std::optional<Ms> hold_left(const Holding&, const HoldRules&, std::size_t held, Ms now);

}  // namespace bgp
