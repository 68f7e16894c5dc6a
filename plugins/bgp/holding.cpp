// What becomes of the app's routes while it is away: the rules of the option table's on_app_loss,
// hold_limit, on_hold_limit, settle and stale_time, and of `peerhold hold` and `release`. Owns no
// clock and no routes: the plugin's app side tells it what happened, and carries out the answer.
// End-of-RIB as RFC 4724 §2 has it; the rest is peerhold's own.
#include "holding.hpp"

#include <algorithm>
#include <utility>

namespace bgp {
namespace {

using App = Holding::App;

std::optional<Ms> limit_of(const Holding& h, const HoldRules& rules) {
  return h.once ? h.once : rules.hold_limit;
}

Ms used(const Holding& h, Ms now) {
  return h.held_ms + (h.clock_since ? now - *h.clock_since : 0);
}

bool holds(const Holding& h, std::size_t held) {
  return h.app == App::absent && held > 0 && !h.close_asked;
}

void stop_clock(Holding& h, Ms now) {
  h.held_ms = used(h, now);
  h.clock_since.reset();
}

void run_clock(Holding& h, Ms now) {
  if (h.clock_since) return;
  // What the operator has asked for is not shortened by what a crash loop had used up before.
  if (h.once && !h.once_begun) {
    h.once_begun = true;
    h.held_ms = 0;
  }
  h.clock_since = now;
}

void forget_once(Holding& h) {
  h.once.reset();
  h.once_begun = false;
}

// Only an app that has stood for a while sets the limit back; else a crash loop would be held for
// ever.
void set_back(Holding& h, const HoldRules& rules, Ms now) {
  if (!h.complete_since || now - *h.complete_since < rules.reset_after) return;
  h.held_ms = 0;
  if (h.once_begun) forget_once(h);
}

void complete(Holding& h, Ms now) {
  h.app = App::attached;
  h.complete_since = now;
  h.awaited.clear();
}

// Of a returning app. End-of-RIB alone does not suffice: a program may send it before its helper
// has announced anything.
Ms completes_at(const Holding& h, const HoldRules& rules) {
  const Ms wait = h.awaited.empty() ? std::min(rules.settle, rules.stale_time) : rules.stale_time;
  return h.app_since.value_or(0) + wait;
}

HoldAct close(Holding& h) {
  h.close_asked = true;
  return HoldAct::close;
}

}  // namespace

HoldAct app_up(Holding& h, const HoldRules& rules, std::set<Family> families, std::size_t held,
               Ms now) {
  set_back(h, rules, now);
  stop_clock(h, now);
  h.app_since = now;
  h.complete_since.reset();
  h.close_asked = false;
  if (held == 0) {
    complete(h, now);
    return HoldAct::none;
  }
  h.app = App::returning;
  h.awaited = std::move(families);
  return HoldAct::mark_stale;
}

HoldAct app_end_of_rib(Holding& h, const HoldRules& rules, Family family, Ms now) {
  if (h.app != App::returning) return HoldAct::none;
  h.awaited.erase(family);
  if (now < completes_at(h, rules)) return HoldAct::none;
  complete(h, now);
  return HoldAct::withdraw_stale;
}

HoldAct app_gone(Holding& h, const HoldRules& rules, std::size_t held, Ms now) {
  if (h.app != App::absent) {
    set_back(h, rules, now);
    h.app = App::absent;
    h.app_since = now;
    h.complete_since.reset();
    h.awaited.clear();
    // `peerhold hold` was given for just this loss, whatever is done with others.
    const bool asked_to_hold = h.once && held > 0;
    if (!asked_to_hold && rules.on_app_loss == OnLoss::close) return close(h);
    if (!asked_to_hold && rules.on_app_loss == OnLoss::withdraw)
      return held > 0 ? HoldAct::withdraw_all : HoldAct::none;
  }
  return tick(h, rules, held, now);
}

HoldAct hold_for(Holding& h, const HoldRules& rules, std::size_t held, Ms duration, Ms now) {
  h.once = duration;
  h.once_begun = false;
  h.clock_since.reset();  // of a present hold: it counts from now
  return tick(h, rules, held, now);
}

HoldAct release(Holding& h, const HoldRules&, std::size_t held, Ms now) {
  forget_once(h);
  if (h.app == App::returning) {
    complete(h, now);
    return held > 0 ? HoldAct::withdraw_stale : HoldAct::none;
  }
  if (!holds(h, held)) return HoldAct::none;
  stop_clock(h, now);
  return HoldAct::withdraw_all;
}

HoldAct tick(Holding& h, const HoldRules& rules, std::size_t held, Ms now) {
  if (h.app == App::attached) {
    set_back(h, rules, now);
    return HoldAct::none;
  }
  if (h.app == App::returning) {
    if (held > 0 && now < completes_at(h, rules)) return HoldAct::none;
    complete(h, now);
    return held > 0 ? HoldAct::withdraw_stale : HoldAct::none;
  }
  if (!holds(h, held)) {
    stop_clock(h, now);
    return HoldAct::none;
  }
  run_clock(h, now);
  const auto limit = limit_of(h, rules);
  if (!limit || used(h, now) < *limit) return HoldAct::none;
  // What was used up stays so: what the next app announces is not held at all unless it stands.
  stop_clock(h, now);
  forget_once(h);
  return rules.on_hold_limit == OnLimit::close ? close(h) : HoldAct::withdraw_all;
}

std::optional<Ms> next_due(const Holding& h, const HoldRules& rules, std::size_t held) {
  switch (h.app) {
    case App::attached:
      if (!h.complete_since || (h.held_ms == 0 && !h.once_begun)) return std::nullopt;
      return *h.complete_since + rules.reset_after;
    case App::returning:
      return held > 0 ? completes_at(h, rules) : h.app_since.value_or(0);
    case App::absent:
      break;
  }
  // A tick is owed: the number of routes has changed.
  if (holds(h, held) != h.clock_since.has_value()) return h.app_since.value_or(0);
  const auto limit = limit_of(h, rules);
  if (!h.clock_since || !limit) return std::nullopt;
  return *h.clock_since + (*limit - h.held_ms);
}

std::optional<Ms> hold_left(const Holding& h, const HoldRules& rules, std::size_t held, Ms now) {
  const auto limit = limit_of(h, rules);
  if (!holds(h, held) || !limit) return std::nullopt;
  return std::max<Ms>(0, *limit - used(h, now));
}

}  // namespace bgp
