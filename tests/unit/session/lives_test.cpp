// What operators, reloads and broken plugins make of a session that is in the middle of something:
// nothing may stay behind, and nothing may wait for what never comes.
#include <stdexcept>

#include "stage.hpp"

namespace peerhold {
namespace {

const std::string slow_to_retry = "[session.retry]\nmin = \"30s\"\nmax = \"60s\"\njitter = 0.0\n";

std::string always_linked(const Endpoint& peer, const std::string& more = {}) {
  return "peer = \"" + peer.to_string() + "\"\nlink = \"persistent\"\n" + more;
}

Endpoint no_peer() {
  return endpoint("127.0.0.2:" + std::to_string(fresh_port()));
}

TEST_CASE("down closes the app also while there is no link") {
  Probe probe;
  Stage s({&probe});
  const Endpoint app_at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  s.start(Stage::session(probe, always_linked(no_peer(), "app = \"" + app_at.to_string() + "\""),
                         {}, "probe", "s", slow_to_retry));
  FarEnd app = connected(app_at);
  REQUIRE(s.is(SessionState::backoff));
  REQUIRE(s.until([&] { return probe.count("up 1") == 1; }));
  REQUIRE(s.keeper->down("s", ""));
  CHECK(s.until([&] { return app.ended(); }));
  CHECK(s.until([&] { return probe.count("close") == 1; }));
}

TEST_CASE("down ends clients that wait for a link") {
  Probe probe;
  Stage s({&probe});
  const Endpoint app_at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  s.start(Stage::session(probe,
                         "peer = \"" + no_peer().to_string() +
                             "\"\nlink = \"per-client\"\napp = \"" + app_at.to_string() + "\"",
                         {}, "probe", "s", slow_to_retry + "connect_timeout = \"10m\"\n"));
  FarEnd app = connected(app_at);
  REQUIRE(s.is(SessionState::backoff));
  REQUIRE(s.keeper->down("s", ""));
  CHECK(s.until([&] { return app.ended(); }));
  CHECK(s.until([&] { return probe.count("close") == 1; }));
}

TEST_CASE("down gives up a dial of the plugin's own, between two attempts as well") {
  Probe probe;
  Stage s({&probe});
  const std::string to = no_peer().to_string();
  s.start(Stage::session(probe, always_linked(no_peer()), "to = \"" + to + "\"", "probe_dials", "s",
                         slow_to_retry));
  REQUIRE(s.is(SessionState::backoff));
  ph_link link = 0;
  CHECK(probe.one().dial(to.c_str(), PH_DIAL_RETRY, link) == PH_OK);
  REQUIRE(s.until([&] {
    return s.status().last_error && s.status().last_error->cause == Cause::app_unreachable;
  }));
  REQUIRE(s.keeper->down("s", ""));
  CHECK(s.until([&] { return probe.count("down 1 admin") == 1; }));
  CHECK(s.until([&] { return probe.count("close") == 1; }));
}

TEST_CASE("a claim that fails again when it is tried at once is tried again later") {
  Probe probe;
  Stage s({&probe});
  std::optional<FarListener> thief(std::in_place, "127.0.0.1");
  const Endpoint at = thief->at;
  s.start(Stage::session(probe, "mode = \"passive\"\npeer = \"127.0.0.2\"\nsource = \"" +
                                    at.to_string() + "\"\nlink = \"persistent\""));
  REQUIRE(s.is(SessionState::backoff));
  REQUIRE(s.keeper->reset("s", ""));
  CHECK(s.status().retry_in);
  thief.reset();
  CHECK(s.is(SessionState::listening));
}

TEST_CASE("a session that is down stays down when a reload restarts it") {
  Probe probe;
  Stage s({&probe});
  const FarListener far("127.0.0.2");
  s.start(Stage::session(probe, always_linked(far.at)));
  REQUIRE(s.is(SessionState::established));
  REQUIRE(s.keeper->down("s", ""));
  REQUIRE(s.until([&] { return probe.count("close") == 1; }));
  CHECK(s.reload(Stage::session(probe, always_linked(far.at), "fixed = \"1\"")).ok);
  s.turn();
  CHECK(s.status().state == SessionState::down);
  CHECK(probe.count("open") == 1);
  // The same while the old one still says goodbye.
  REQUIRE(s.keeper->up("s"));
  REQUIRE(s.is(SessionState::established));
  CHECK(s.reload(Stage::session(probe, always_linked(far.at), "fixed = \"2\"")).ok);
  REQUIRE(s.keeper->down("s", ""));
  s.turn();
  CHECK(s.status().state == SessionState::down);
  CHECK(probe.count("open") == 2);
}

TEST_CASE(
    "up does not wake a session that a reload is restarting, nor one of a keeper that stops") {
  Probe probe;
  const FarListener far("127.0.0.2");
  Stage s({&probe});
  probe.on_drain = [](ProbeInstance&, const ph_drain&) { return int{PH_OK}; };
  s.start(Stage::session(probe, always_linked(far.at), {}, "probe_drains"));
  REQUIRE(s.is(SessionState::established));
  CHECK(s.reload(Stage::session(probe, always_linked(far.at), "fixed = \"1\"", "probe_drains")).ok);
  CHECK(s.keeper->up("s"));
  CHECK(s.status().state == SessionState::down);
  CHECK(probe.one().close(PH_PEER, false) == PH_OK);
  REQUIRE(s.is(SessionState::established));
  CHECK(probe.count("open") == 2);
  CHECK(probe.count("close") == 1);
  bool drained = false;
  s.keeper->drain([&] { drained = true; });
  CHECK_FALSE(s.keeper->up("s"));
  CHECK(probe.one().close(PH_PEER, false) == PH_OK);
  CHECK(s.until([&] { return drained; }));
}

TEST_CASE("what an operator has started stays so when a reload changes something else") {
  Probe probe;
  const FarListener far("127.0.0.2");
  Stage s({&probe});
  s.start(Stage::session(probe, always_linked(far.at, "enabled = false\n")));
  CHECK(s.status().state == SessionState::down);
  REQUIRE(s.keeper->up("s"));
  REQUIRE(s.is(SessionState::established));
  CHECK(s.reload(Stage::session(probe, always_linked(far.at, "enabled = false\n"), "live = \"1\""))
            .ok);
  s.turn();
  CHECK(s.status().state == SessionState::established);
  CHECK(s.reload(Stage::session(probe, always_linked(far.at, "enabled = true\n"), "live = \"1\""))
            .ok);
  s.turn();
  CHECK(s.status().state == SessionState::established);
  CHECK(s.reload(Stage::session(probe, always_linked(far.at, "enabled = false\n"), "live = \"1\""))
            .ok);
  CHECK(s.status().state == SessionState::down);
}

TEST_CASE("a new instance starts with the wish for a link, whatever the one before it wished") {
  Probe probe;
  OneSession s(probe);
  CHECK(probe.one().want_peer(false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  REQUIRE(s.keeper->down("s", ""));
  REQUIRE(s.until([&] { return probe.count("close") == 1; }));
  REQUIRE(s.keeper->up("s"));
  CHECK(s.is(SessionState::established));
  // Nor what one wished that broke.
  probe.on_timer = [](ProbeInstance&, std::uint32_t) { throw std::runtime_error("enough"); };
  CHECK(probe.one().want_peer(false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 0") == 2; }));
  probe.one().timer(0, 0);
  REQUIRE(s.until([&] { return probe.count("close") == 2; }));
  CHECK(s.is(SessionState::established));
}

TEST_CASE("fail() without a link is noted") {
  Probe probe;
  OneSession s(probe);
  CHECK(probe.one().want_peer(false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  probe.one().fail(PH_NOTIFICATION, PH_RETRY_NORMAL, "the app is of another AS");
  REQUIRE(s.status().last_error);
  CHECK(s.status().last_error->cause == Cause::notification);
  CHECK(s.status().last_error->text == "the app is of another AS");
}

TEST_CASE("no app is dialled for a link that the plugin has turned away") {
  for (const bool thrown : {false, true}) {
    CAPTURE(thrown);
    Probe probe;
    probe.on_up = [&](ProbeInstance&, ph_link, const ph_link_info&) -> int {
      if (thrown) throw std::runtime_error("no");
      return PH_EPROTO;
    };
    const FarListener app("127.0.0.1");
    const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
    Stage s({});  // a broken instance is closed as it is
    s.start(Stage::session(probe, "mode = \"passive\"\npeer = \"127.0.0.2\"\nsource = \"" +
                                      at.to_string() + "\"\nlink = \"per-client\"\napp = \"" +
                                      app.at.to_string() + "\""));
    FarEnd peer = connected(at, "127.0.0.2");
    CHECK(s.until([&] { return peer.ended(); }));
    CHECK(s.until([&] { return probe.count("close") == 1; }));
    FarEnd none;
    CHECK_FALSE(app.accept(none));
    probe.rest();
  }
}

TEST_CASE("a send to an app that is still being dialled falls short, and breaks nothing") {
  Probe probe;
  const FarListener far("127.0.0.2"), there("127.0.0.1");
  Stage s({&probe});
  s.start(Stage::session(probe, always_linked(far.at), "to = \"" + there.at.to_string() + "\"",
                         "probe_frames"));
  probe.on_data = [&](ProbeInstance& i, ph_link, std::string_view b) {
    ph_link link = 1;
    if (i.up.empty() || (i.dialing.empty() && !i.up.contains(1)))
      CHECK(i.dial(there.at.to_string().c_str(), 0, link) == PH_OK);
    return i.send(1, b);
  };
  FarEnd peer, app;
  REQUIRE(s.until([&] { return far.accept(peer); }));
  peer.write("hello, a whole frame");
  REQUIRE(s.until([&] { return there.accept(app); }));
  CHECK(s.until([&] { return app.read(), app.got == "hello, a whole frame"; }));
  CHECK(s.status().established_count == 1);
}

TEST_CASE("bytes of a spliced pair that its broken link leaves behind are told as lost") {
  Probe probe;
  OneSession s(probe);
  FarEnd app = s.app(1);
  std::uint64_t lost = 0;
  probe.on_down = [&](ProbeInstance&, ph_link, const ph_down& how) { lost += how.unsent; };
  // The app does not read: its socket and its queue fill, then the peer's input is held.
  probe.on_data = [](ProbeInstance&, ph_link, std::string_view) { return std::ptrdiff_t{0}; };
  const std::string some(200000, 'x');
  for (std::size_t quiet = 0; quiet < 200; s.turn(1))
    quiet = s.peer.write_some(some) > 0 ? 0 : quiet + 1;
  // However much the kernel takes for an app that does not read: not a byte more.
  for (std::size_t quiet = 0; quiet < 50; s.turn(1))
    quiet = probe.one().send(1, some) > 0 ? 0 : quiet + 1;
  CHECK(probe.one().splice(PH_PEER, 1, 0) == PH_OK);
  s.turn();
  s.peer.abort();
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  CHECK(lost > 0);
}

}  // namespace
}  // namespace peerhold
