// Holding: what holds on any days of any app. The machine is judged by a second, plain account of
// what was held for how long; time jumps from one next_due to the next.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>

#include "holding.hpp"

namespace bgp {
namespace {

using App = Holding::App;

const std::set<Family> v4_v6{ipv4_unicast, ipv6_unicast};

struct Rib {
  std::size_t stale = 0, fresh = 0;
  std::size_t held() const { return stale + fresh; }
  void carry_out(HoldAct act) {
    if (act == HoldAct::mark_stale) stale += fresh, fresh = 0;
    if (act == HoldAct::withdraw_stale) stale = 0;
    if (act == HoldAct::withdraw_all || act == HoldAct::close) stale = fresh = 0;
  }
};

TEST_CASE("random days") {
  constexpr unsigned seed = 20260103;
  MESSAGE("seed ", seed);
  std::mt19937 random(seed);
  const auto draw = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::size_t acts[5] = {};
  for (int day = 0; day < 4000; ++day) {
    Holding h;
    HoldRules rules;
    Rib rib;
    Ms now = 0;
    std::string path;
    Ms used = 0;                       // held since the limit was last set back
    bool once = false, begun = false;  // `hold --for` was given; for the present hold
    Ms once_ms = 0;
    Ms attached_at = 0, completed_at = 0;

    const auto holding = [&] { return h.app == App::absent && rib.held() > 0 && !h.close_asked; };
    const auto limit = [&] { return once ? std::optional<Ms>(once_ms) : rules.hold_limit; };
    const auto begin = [&] {
      if (holding() && once && !begun) begun = true, used = 0;
    };
    // Lets one operation happen and judges its answer; `by` says what it was.
    const auto happens = [&](const std::string& by, auto operation) {
      path += " " + by + "@" + std::to_string(now);
      CAPTURE(seed);
      CAPTURE(day);
      CAPTURE(path);
      const App was = h.app;
      const std::size_t held = rib.held();
      const bool was_closed = h.close_asked;
      const bool instant = by == "gone" && was != App::absent &&
                           rules.on_app_loss != OnLoss::hold && !(once && held > 0);
      const HoldAct act = operation();
      ++acts[static_cast<std::size_t>(act)];
      if (was == App::attached && by != "up" && h.app == App::attached)
        REQUIRE(act == HoldAct::none);
      if (was != App::attached && h.app == App::attached) completed_at = now;
      switch (act) {
        case HoldAct::none:
          break;
        case HoldAct::mark_stale:
          REQUIRE(by == "up");
          REQUIRE(held > 0);
          break;
        case HoldAct::withdraw_stale:
          REQUIRE(was == App::returning);
          REQUIRE(h.app == App::attached);
          if (by != "release")
            REQUIRE(now >= attached_at + std::min(rules.settle, rules.stale_time));
          break;
        case HoldAct::withdraw_all:
        case HoldAct::close:
          REQUIRE(h.app == App::absent);
          REQUIRE_FALSE(was_closed);
          if (act == HoldAct::withdraw_all) REQUIRE(held > 0);
          if (by != "release" && !instant) {
            REQUIRE(limit());
            REQUIRE(used >= *limit());
            once = begun = false;
          }
          break;
      }
      rib.carry_out(act);
      begin();
      // Never beyond the limit, and never stale for longer than stale_time.
      if (holding() && limit()) {
        REQUIRE(used < *limit());
        REQUIRE(hold_left(h, rules, rib.held(), now) == *limit() - used);
      }
      if (h.app == App::returning && by == "tick") REQUIRE(now < attached_at + rules.stale_time);
      return act;
    };
    const auto tick_now = [&] { happens("tick", [&] { return tick(h, rules, rib.held(), now); }); };
    const auto until = [&](Ms to) {
      for (int at_once = 0;;) {
        const auto due = next_due(h, rules, rib.held());
        const Ms next = std::min(to, std::max(now, due.value_or(to)));
        if (holding()) used += next - now;
        at_once = next > now ? 0 : at_once + 1;
        REQUIRE(at_once < 4);
        now = next;
        if (!due || *due > to) return;
        const Holding before = h;
        const std::size_t held = rib.held();
        tick_now();
        // Progress: something has changed, or nothing is due any more.
        REQUIRE((h != before || rib.held() != held));
      }
    };

    for (int i = 0; i < 40; ++i) {
      const Ms step = draw(4) == 0 ? draw(400000) : draw(40000);
      until(now + step);
      const bool stood = h.app == App::attached && now - completed_at >= rules.reset_after;
      const auto set_back = [&] {
        if (!stood) return;
        used = 0;
        if (begun) once = begun = false;
      };
      switch (draw(10)) {
        case 0:
        case 1:
          if (h.app == App::absent) {
            attached_at = now;
            happens("up", [&] { return app_up(h, rules, v4_v6, rib.held(), now); });
          }
          break;
        case 2:
        case 3:
          if (h.app == App::absent) break;
          set_back();
          happens("gone", [&] { return app_gone(h, rules, rib.held(), now); });
          break;
        case 4:
        case 5: {
          if (h.app == App::absent) break;
          const std::size_t again = draw(static_cast<unsigned>(rib.stale) + 1);
          rib.stale -= again;
          rib.fresh += again + draw(3);
          if (draw(8) == 0) rib.stale = rib.fresh = 0;
          tick_now();
          break;
        }
        case 6:
          happens("eor", [&] {
            return app_end_of_rib(h, rules, draw(2) != 0 ? ipv4_unicast : ipv6_unicast, now);
          });
          break;
        case 7:
          if (draw(3) != 0) break;
          set_back();
          once = true;
          once_ms = draw(600000) + 1;
          begun = false;
          begin();
          happens("hold", [&] { return hold_for(h, rules, rib.held(), once_ms, now); });
          break;
        case 8:
          if (draw(4) != 0) break;
          set_back();
          once = begun = false;
          happens("release", [&] { return release(h, rules, rib.held(), now); });
          break;
        case 9:
          set_back();
          if (draw(3) == 0) rules.on_app_loss = static_cast<OnLoss>(draw(3));
          if (draw(3) == 0) rules.on_hold_limit = static_cast<OnLimit>(draw(2));
          if (draw(3) == 0)
            rules.hold_limit = draw(4) == 0 ? std::nullopt : std::optional<Ms>(draw(300000));
          if (draw(3) == 0) rules.stale_time = draw(200000);
          if (draw(3) == 0) rules.settle = draw(60000);
          tick_now();
          break;
      }
    }
  }
  CHECK(acts[static_cast<std::size_t>(HoldAct::mark_stale)] > 1500);
  CHECK(acts[static_cast<std::size_t>(HoldAct::withdraw_stale)] > 800);
  CHECK(acts[static_cast<std::size_t>(HoldAct::withdraw_all)] > 1000);
  CHECK(acts[static_cast<std::size_t>(HoldAct::close)] > 300);
}

}  // namespace
}  // namespace bgp
