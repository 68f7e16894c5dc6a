// Holding: one test a scenario, as an operator would tell it.
#include "holding.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace bgp {
namespace {

using App = Holding::App;

std::string words(HoldAct act) {
  constexpr const char* names[] = {"none", "mark_stale", "withdraw_stale", "withdraw_all", "close"};
  return names[static_cast<std::size_t>(act)];
}

const std::set<Family> v4{ipv4_unicast}, v4_v6{ipv4_unicast, ipv6_unicast};

// A caller: a Rib that is only numbers, and a clock that moves from one next_due to the next.
struct Desk {
  HoldRules rules;
  Holding h;
  std::size_t stale = 0, fresh = 0;
  Ms now = 1000000;
  Ms since = now;   // the log's times count from here
  std::string log;  // what was answered, with its time in seconds

  std::size_t held() const { return stale + fresh; }
  void act(HoldAct act) {
    if (act == HoldAct::none) return;
    if (act == HoldAct::mark_stale) stale += fresh, fresh = 0;
    if (act == HoldAct::withdraw_stale) stale = 0;
    if (act == HoldAct::withdraw_all || act == HoldAct::close) stale = fresh = 0;
    const Ms ms = now - since;
    log += (log.empty() ? "" : ", ") + std::to_string(ms / 1000) +
           (ms % 1000 != 0 ? "." + std::to_string(ms % 1000) : "") + " " + words(act);
  }
  void tick() { act(bgp::tick(h, rules, held(), now)); }
  void up(const std::set<Family>& families = v4) { act(app_up(h, rules, families, held(), now)); }
  void gone() { act(app_gone(h, rules, held(), now)); }
  void end_of_rib(Family family = ipv4_unicast) { act(app_end_of_rib(h, rules, family, now)); }
  void hold(Ms ms) { act(hold_for(h, rules, held(), ms, now)); }
  void release() { act(bgp::release(h, rules, held(), now)); }
  void announce(std::size_t again, std::size_t more = 0) {
    stale -= again;
    fresh += again + more;
    tick();
  }
  // Time passes, and tick() is called exactly when it was asked for.
  void pass(Ms ms) {
    const Ms end = now + ms;
    int at_once = 0;
    for (auto due = next_due(h, rules, held()); due && *due <= end;
         due = next_due(h, rules, held())) {
      at_once = *due > now ? 0 : at_once + 1;
      REQUIRE(at_once < 3);  // it does not spin
      now = std::max(now, *due);
      tick();
    }
    now = end;
  }
  void seconds(Ms s) { pass(s * 1000); }
  std::string told() { return std::exchange(log, ""); }
};

// An app that has stood for long, with ten routes, has just gone.
Desk lost(const HoldRules& rules = {}, std::size_t routes = 10) {
  Desk desk{.rules = rules};
  desk.up();
  desk.announce(0, routes);
  desk.seconds(3600);
  CHECK(desk.log.empty());
  desk.since = desk.now;
  desk.gone();
  return desk;
}

TEST_CASE("the app stays away: withdrawn at the limit, not before, and once") {
  Desk desk = lost();
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 120000);
  desk.pass(119999);
  CHECK(desk.told() == "");
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 1);
  desk.seconds(3600);
  CHECK(desk.told() == "120 withdraw_all");
  CHECK(hold_left(desk.h, desk.rules, 0, desk.now) == std::nullopt);
  CHECK(next_due(desk.h, desk.rules, 0) == std::nullopt);
}

TEST_CASE("on_hold_limit = close: once, until the next app") {
  Desk desk = lost({.on_hold_limit = OnLimit::close});
  desk.seconds(3600);
  CHECK(desk.told() == "120 close");
  CHECK(desk.h.close_asked);
  // Even a caller that keeps its routes is not asked again.
  CHECK(next_due(desk.h, desk.rules, 10) == std::nullopt);
  CHECK(tick(desk.h, desk.rules, 10, desk.now) == HoldAct::none);
  CHECK(release(desk.h, desk.rules, 10, desk.now) == HoldAct::none);
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == std::nullopt);
  desk.up();
  CHECK_FALSE(desk.h.close_asked);
}

TEST_CASE("hold_limit = none holds for ever") {
  Desk desk = lost({.hold_limit = std::nullopt});
  CHECK(next_due(desk.h, desk.rules, 10) == std::nullopt);
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == std::nullopt);
  desk.seconds(30 * 86400);
  CHECK(desk.told() == "");
}

TEST_CASE("hold_limit = 0 withdraws at once") {
  Desk desk = lost({.hold_limit = 0});
  CHECK(desk.told() == "0 withdraw_all");
}

TEST_CASE("on_app_loss = withdraw and close act at once") {
  Desk withdraws = lost({.on_app_loss = OnLoss::withdraw});
  CHECK(withdraws.told() == "0 withdraw_all");
  CHECK(next_due(withdraws.h, withdraws.rules, 0) == std::nullopt);
  Desk closes = lost({.on_app_loss = OnLoss::close});
  CHECK(closes.told() == "0 close");
  CHECK(closes.h.close_asked);
  closes.up();
  CHECK_FALSE(closes.h.close_asked);

  // Without routes there is nothing to withdraw, but a session to close.
  CHECK(lost({.on_app_loss = OnLoss::withdraw}, 0).told() == "");
  CHECK(lost({.on_app_loss = OnLoss::close}, 0).told() == "0 close");
}

TEST_CASE("on_app_loss = withdraw: also the stale routes of an app that dies while it returns") {
  Desk desk = lost();
  desk.up();
  desk.rules.on_app_loss = OnLoss::withdraw;
  desk.announce(3);
  desk.gone();
  CHECK(desk.told() == "0 mark_stale, 0 withdraw_all");
}

TEST_CASE("an app that was only opening is not lost") {
  Desk desk = lost();
  desk.seconds(60);
  const auto before = desk.h;
  desk.gone();
  CHECK(desk.h == before);
  desk.rules.on_app_loss = OnLoss::close;
  desk.gone();
  CHECK(desk.told() == "");
}

TEST_CASE("a plain restart: what is not announced again goes at settle") {
  Desk desk = lost();
  desk.seconds(20);
  desk.up();
  desk.announce(8, 1);
  desk.seconds(5);
  desk.end_of_rib();  // before settle: its helper may still have to announce something
  CHECK(desk.h.app == App::returning);
  desk.announce(1);
  desk.seconds(3600);
  CHECK(desk.told() == "20 mark_stale, 50 withdraw_stale");
  CHECK(desk.held() == 10);
  CHECK(desk.h.app == App::attached);
}

TEST_CASE("End-of-RIB after settle: at the last awaited one") {
  Desk desk = lost();
  desk.up(v4_v6);
  desk.end_of_rib(ipv4_unicast);
  desk.end_of_rib(ipv4_unicast);  // once more, for nothing
  desk.end_of_rib({25, 70});      // never promised
  desk.seconds(45);
  CHECK(desk.h.app == App::returning);
  desk.end_of_rib(ipv6_unicast);
  CHECK(desk.told() == "0 mark_stale, 45 withdraw_stale");
  desk.end_of_rib(ipv6_unicast);
  desk.seconds(600);
  CHECK(desk.told() == "");
}

TEST_CASE("End-of-RIB exactly at settle") {
  Desk desk = lost();
  desk.up();
  desk.pass(30000);
  desk.end_of_rib();
  CHECK(desk.told() == "0 mark_stale, 30 withdraw_stale");
}

TEST_CASE("an app that never sends End-of-RIB: stale_time") {
  Desk desk = lost();
  desk.up(v4_v6);
  desk.announce(2);
  desk.end_of_rib(ipv4_unicast);
  desk.seconds(3600);
  CHECK(desk.told() == "0 mark_stale, 120 withdraw_stale");
  CHECK(desk.held() == 2);
}

TEST_CASE("stale_time is the latest, whatever settle says") {
  Desk desk = lost({.settle = 300000});
  desk.up();
  desk.end_of_rib();
  desk.seconds(3600);
  CHECK(desk.told() == "0 mark_stale, 120 withdraw_stale");
}

TEST_CASE("settle and stale_time of 0 make progress") {
  Desk desk = lost({.settle = 0, .stale_time = 0});
  desk.up();
  desk.seconds(1);
  CHECK(desk.told() == "0 mark_stale, 0 withdraw_stale");
}

TEST_CASE("an app that owes no End-of-RIB settles") {
  Desk desk = lost();
  desk.up({});
  desk.seconds(3600);
  CHECK(desk.told() == "0 mark_stale, 30 withdraw_stale");
}

TEST_CASE("settle made shorter while it runs") {
  Desk desk = lost();
  desk.up();
  desk.end_of_rib();
  desk.seconds(10);
  desk.rules.settle = 5000;
  desk.seconds(1);
  CHECK(desk.told() == "0 mark_stale, 10 withdraw_stale");
}

TEST_CASE("an app without routes: nothing is awaited, nothing is held, no limit runs out") {
  Desk desk{};
  desk.since = desk.now;
  desk.up();
  CHECK(desk.h.app == App::attached);
  CHECK(desk.h.complete_since == desk.now);
  desk.gone();
  CHECK(next_due(desk.h, desk.rules, 0) == std::nullopt);
  CHECK(hold_left(desk.h, desk.rules, 0, desk.now) == std::nullopt);
  desk.rules.on_hold_limit = OnLimit::close;
  desk.seconds(3600);
  CHECK(desk.told() == "");
}

TEST_CASE("an app that withdraws all it had while it returns is complete") {
  Desk desk = lost();
  desk.up();
  desk.seconds(3);
  desk.stale = 0;
  CHECK(next_due(desk.h, desk.rules, 0).value_or(desk.now + 1) <= desk.now);
  desk.tick();
  CHECK(desk.h.app == App::attached);
  CHECK(desk.told() == "0 mark_stale");
  CHECK(next_due(desk.h, desk.rules, 0) == std::nullopt);
}

TEST_CASE("routes that appear after the hold began, and go and come again") {
  Desk desk = lost({}, 0);
  desk.seconds(600);
  desk.fresh = 4;
  // Told or not, the clock starts.
  CHECK(next_due(desk.h, desk.rules, 4).value_or(desk.now + 1) <= desk.now);
  desk.seconds(60);
  desk.fresh = 0;
  desk.seconds(600);  // nothing is held: the clock stands
  desk.fresh = 2;
  desk.seconds(59);
  CHECK(desk.told() == "");
  CHECK(hold_left(desk.h, desk.rules, 2, desk.now) == 1000);
  desk.seconds(1);
  CHECK(desk.told() == "1320 withdraw_all");
}

TEST_CASE("a crash loop runs the limit out") {
  Desk desk = lost();
  for (int i = 0; i < 5; ++i) {
    desk.seconds(20);  // away for 20 s, there for 10 s
    desk.up();
    desk.announce(10);
    desk.seconds(10);
    desk.gone();
  }
  desk.told();
  CHECK(hold_left(desk.h, desk.rules, desk.held(), desk.now) == 20000);
  desk.seconds(3600);
  CHECK(desk.told() == "170 withdraw_all");

  // It goes on: what it announces now is not held for a moment.
  desk.up();
  desk.announce(0, 10);
  desk.seconds(29);
  desk.gone();
  CHECK(desk.told() == "3779 withdraw_all");

  // Until one has stood for reset_after.
  desk.up();
  desk.announce(0, 10);
  desk.seconds(30);
  desk.gone();
  CHECK(desk.told() == "");
  desk.seconds(3600);
  CHECK(desk.told() == "3929 withdraw_all");
}

TEST_CASE("attached is not complete: a long return does not set the limit back") {
  Desk desk = lost();
  desk.seconds(100);
  desk.up();
  desk.seconds(119);  // far longer than reset_after, but no End-of-RIB
  desk.gone();
  CHECK(desk.told() == "100 mark_stale");
  desk.seconds(3600);
  CHECK(desk.told() == "239 withdraw_all");
}

TEST_CASE("complete, but not for reset_after: the limit goes on; for reset_after: set back") {
  for (const Ms stood : {29999, 30000}) {
    Desk desk = lost();
    desk.seconds(100);
    desk.up();
    desk.announce(10);
    desk.end_of_rib();
    desk.seconds(30);  // complete now
    desk.pass(stood);
    desk.gone();
    CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == (stood < 30000 ? 20000 : 120000));
  }
}

TEST_CASE("an app that replaces the one before it, without a loss between") {
  Desk desk = lost();
  desk.seconds(50);
  desk.up();
  desk.announce(10);
  desk.end_of_rib();
  desk.seconds(90);
  desk.told();
  desk.up();
  CHECK(desk.told() == "140 mark_stale");
  CHECK(desk.h.app == App::returning);
  CHECK(desk.h.held_ms == 0);  // the one before had stood
  CHECK(desk.h.complete_since == std::nullopt);
}

TEST_CASE("hold --for during a hold counts from when it is given") {
  for (const bool limited : {true, false}) {
    Desk desk = lost({.hold_limit = limited ? std::optional<Ms>(120000) : std::nullopt});
    desk.seconds(100);
    desk.hold(1800000);
    CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 1800000);
    desk.seconds(3600);
    CHECK(desk.told() == "1900 withdraw_all");
    CHECK_FALSE(desk.h.once);
  }
}

TEST_CASE("hold --for may shorten, and be given again") {
  Desk desk = lost();
  desk.seconds(100);
  desk.hold(1800000);
  desk.seconds(10);
  desk.hold(5000);
  desk.seconds(3600);
  CHECK(desk.told() == "115 withdraw_all");
  Desk now = lost();
  now.hold(0);
  CHECK(now.told() == "0 withdraw_all");
}

TEST_CASE("hold --for before planned work counts from the loss, and is used up with it") {
  Desk desk{};
  desk.up();
  desk.announce(0, 10);
  desk.seconds(60);
  desk.hold(1800000);
  desk.seconds(7200);
  CHECK(desk.told() == "");
  desk.since = desk.now;
  desk.gone();
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 1800000);
  desk.seconds(1000);
  // The app is tried out in between: still the same hold.
  desk.up();
  desk.seconds(10);
  desk.gone();
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 800000);
  desk.up();
  desk.announce(10);
  desk.end_of_rib();
  desk.seconds(60);
  CHECK(desk.told() == "1000 mark_stale, 1010 mark_stale, 1040 withdraw_stale");
  CHECK_FALSE(desk.h.once);
  desk.gone();
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 120000);
}

TEST_CASE("hold --for gives its whole time, whatever a crash loop had used up") {
  Desk desk = lost();
  desk.seconds(110);
  desk.up();
  desk.hold(60000);
  desk.seconds(5);
  desk.gone();
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 60000);
  desk.seconds(3600);
  CHECK(desk.told() == "110 mark_stale, 175 withdraw_all");
}

TEST_CASE("hold --for while an app returns is for the next loss, not for this return") {
  Desk desk = lost();
  desk.seconds(10);
  desk.up();
  desk.announce(10);
  desk.end_of_rib();
  desk.seconds(5);
  desk.hold(1800000);
  desk.seconds(600);  // complete, and the limit set back
  CHECK(desk.h.once == 1800000);
  desk.gone();
  CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 1800000);
}

TEST_CASE("hold --for with nothing held waits for something to hold") {
  Desk desk = lost({}, 0);
  desk.hold(600000);
  desk.seconds(3600);
  CHECK(desk.told() == "");
  desk.up();
  desk.announce(0, 3);
  desk.seconds(3600);
  desk.since = desk.now;
  desk.gone();
  desk.seconds(3600);
  CHECK(desk.told() == "600 withdraw_all");
}

TEST_CASE("hold --for goes before on_app_loss, once") {
  for (const OnLoss on_loss : {OnLoss::withdraw, OnLoss::close}) {
    Desk desk{.rules = {.on_app_loss = on_loss}};
    desk.up();
    desk.announce(0, 10);
    desk.hold(600000);
    desk.seconds(60);
    desk.since = desk.now;
    desk.gone();
    desk.seconds(30);
    CHECK(desk.told() == "");
    desk.up();
    desk.announce(10);
    desk.end_of_rib();
    desk.seconds(100);
    CHECK(desk.told() == "30 mark_stale, 60 withdraw_stale");
    desk.gone();
    CHECK(desk.told() == (on_loss == OnLoss::close ? "130 close" : "130 withdraw_all"));
  }
}

TEST_CASE("hold --for with nothing to hold does not keep a session that is to be closed") {
  Desk desk{.rules = {.on_app_loss = OnLoss::close}};
  desk.up();
  desk.hold(600000);
  desk.since = desk.now;
  desk.gone();
  CHECK(desk.told() == "0 close");
}

TEST_CASE("a tick that comes late does not cost an app what it has earned") {
  for (const bool replaced : {false, true}) {
    Desk desk = lost();
    desk.seconds(100);
    desk.up();
    desk.announce(10);
    desk.end_of_rib();
    desk.seconds(30);
    desk.now += 30000;  // reset_after, and no tick
    if (replaced) desk.up();
    desk.gone();
    CHECK(hold_left(desk.h, desk.rules, 10, desk.now) == 120000);
  }
}

TEST_CASE("release ends a hold, a return, and what was planned") {
  Desk absent = lost();
  absent.hold(1800000);
  absent.seconds(7);
  absent.release();
  CHECK(absent.told() == "7 withdraw_all");
  absent.seconds(7200);
  absent.release();
  CHECK(absent.told() == "");
  CHECK_FALSE(absent.h.once);

  Desk returning = lost();
  returning.up();
  returning.seconds(2);
  returning.announce(4);
  returning.release();
  CHECK(returning.told() == "0 mark_stale, 2 withdraw_stale");
  CHECK(returning.h.app == App::attached);
  CHECK(returning.held() == 4);

  Desk attached{};
  attached.up();
  attached.announce(0, 10);
  attached.hold(1800000);
  attached.release();
  attached.gone();
  CHECK(hold_left(attached.h, attached.rules, 10, attached.now) == 120000);
}

TEST_CASE("release works with hold_limit = none") {
  Desk desk = lost({.hold_limit = std::nullopt});
  desk.seconds(86400);
  desk.release();
  CHECK(desk.told() == "86400 withdraw_all");
}

TEST_CASE("the limit changes while it runs") {
  Desk shorter = lost();
  shorter.seconds(90);
  shorter.rules.hold_limit = 60000;  // shorter than what is used up: due now
  CHECK(next_due(shorter.h, shorter.rules, 10).value_or(shorter.now + 1) <= shorter.now);
  CHECK(hold_left(shorter.h, shorter.rules, 10, shorter.now) == 0);
  shorter.seconds(1);
  CHECK(shorter.told() == "90 withdraw_all");

  Desk longer = lost();
  longer.seconds(90);
  longer.rules.hold_limit = 600000;
  longer.seconds(3600);
  CHECK(longer.told() == "600 withdraw_all");

  Desk to_none = lost();
  to_none.seconds(90);
  to_none.rules.hold_limit = std::nullopt;
  to_none.seconds(3600);
  CHECK(to_none.told() == "");
  to_none.rules.hold_limit = 4000000;  // what was held under "none" counts
  to_none.seconds(3600);
  CHECK(to_none.told() == "4000 withdraw_all");

  Desk planned = lost();
  planned.hold(300000);
  planned.rules.hold_limit = 1000;  // not the limit of this hold
  planned.seconds(3600);
  CHECK(planned.told() == "300 withdraw_all");
}

TEST_CASE("on_app_loss that changes during a hold is for the next loss") {
  Desk desk = lost();
  desk.rules.on_app_loss = OnLoss::close;
  desk.seconds(3600);
  CHECK(desk.told() == "120 withdraw_all");
}

}  // namespace
}  // namespace bgp
