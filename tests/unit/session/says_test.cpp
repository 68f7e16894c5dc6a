// What ABI 1.1 added: limits and settings that a plugin asks for, the report that it gives, the
// commands that it is handed.
#include <linux/tcp.h>

#include <cstring>

#include "stage.hpp"

namespace peerhold {
namespace {

int reply(const ph_command& to, const char* text, int answer) {
  std::strncpy(to.reply, text, to.reply_size - 1);
  return answer;
}

TEST_CASE("a plugin sets how much is queued for one link; a reload does not undo it") {
  Probe probe;
  OneSession s(probe, "[session.transport]\nbuffer = \"64KiB\"\n");
  ProbeInstance& i = probe.one();
  const std::string large(std::size_t{1} << 18, 'x');
  CHECK(i.send_whole(PH_PEER, large) == PH_EINVAL);  // more than can ever be queued
  CHECK(i.buffer(PH_PEER, std::uint64_t{1} << 24) == PH_OK);
  CHECK(i.send_whole(PH_PEER, large) == static_cast<std::ptrdiff_t>(large.size()));
  REQUIRE(s.reload(Stage::session(probe, s.lines, {}, "probe", "s",
                                  "[session.transport]\nbuffer = \"32KiB\"\n"))
              .ok);
  CHECK(i.setting(PH_SET_BUFFER) == 32768);
  CHECK(i.send_whole(PH_PEER, large) >= 0);
  CHECK(i.buffer(PH_PEER, 0) == PH_OK);
  CHECK(i.send_whole(PH_PEER, large) == PH_EINVAL);
  CHECK(i.buffer(1, 4096) == PH_EINVAL);  // never was
  CHECK(i.buffer(PH_RIVAL, 4096) == PH_ENOLINK);
}

// Of the keeper's end of the one connection to `far`, found among our own descriptors.
int user_timeout_to(const Endpoint& far) {
  for (int fd = 3; fd < 256; ++fd) {
    if (remote_endpoint(fd) != far) continue;
    int ms = -1;
    socklen_t size = sizeof ms;
    if (getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size) == 0) return ms;
  }
  return -1;
}

TEST_CASE("a plugin's TCP_USER_TIMEOUT holds unless it is configured") {
  for (const bool configured : {false, true}) {
    CAPTURE(configured);
    Probe probe;
    const std::string given = "[session.transport]\nuser_timeout = \"50s\"\n";
    OneSession s(probe, configured ? given : "");
    ProbeInstance& i = probe.one();
    CHECK(user_timeout_to(s.far.at) == (configured ? 50000 : 120000));
    CHECK(i.user_timeout(PH_PEER, 90000) == PH_OK);
    CHECK(user_timeout_to(s.far.at) == (configured ? 50000 : 90000));
    // It passes to whichever is in force after a reload.
    const auto done =
        s.reload(Stage::session(probe, s.lines, {}, "probe", "s", configured ? "" : given));
    REQUIRE(done.ok);
    CHECK(done.actions.at(0).keys == std::vector<std::string>{"transport.user_timeout"});
    CHECK(user_timeout_to(s.far.at) == (configured ? 90000 : 50000));
    CHECK(i.user_timeout(PH_PEER, -1) == PH_OK);
    CHECK(user_timeout_to(s.far.at) == (configured ? 120000 : 50000));
    CHECK(i.user_timeout(1, 90000) == PH_EINVAL);
    CHECK(i.user_timeout(PH_RIVAL, 90000) == PH_ENOLINK);
  }
}

TEST_CASE("settings are those of the live configuration") {
  Probe probe;
  OneSession s(probe);
  ProbeInstance& i = probe.one();
  CHECK(i.setting(PH_SET_RETRY_MAX_MS) == 100);
  CHECK(i.setting(PH_SET_RESET_AFTER_MS) == 30000);
  CHECK(i.setting(PH_SET_CONNECT_TIMEOUT_MS) == 10000);
  CHECK(i.setting(PH_SET_BUFFER) == 1 << 20);
  CHECK(i.setting(static_cast<ph_setting>(7)) == -1);
  REQUIRE(s.reload(Stage::session(probe, s.lines, {}, "probe", "s",
                                  "[session.retry]\nmax = \"7s\"\nreset_after = \"5s\"\n"))
              .ok);
  CHECK(i.setting(PH_SET_RETRY_MAX_MS) == 7000);
  CHECK(i.setting(PH_SET_RESET_AFTER_MS) == 5000);
}

TEST_CASE("what a plugin reports is in the status") {
  Probe probe;
  ph_report say{};
  probe.on_report = [&](ProbeInstance&, ph_report& out) {
    CHECK(out.struct_size == sizeof out);
    CHECK(out.hold_left_ms == -1);
    CHECK(out.held == -1);
    out.degraded = say.degraded;
    out.text = say.text;
    out.hold_left_ms = say.hold_left_ms;
    out.held = say.held;
    return int{PH_OK};
  };
  say.hold_left_ms = say.held = -1;
  OneSession s(probe, {}, {}, "probe_says");
  CHECK(s.status().health == Health::down);  // until established
  probe.one().established();
  CHECK(s.status().health_text == "no app is attached");
  say.hold_left_ms = 108000;
  say.held = 1204;
  CHECK(s.status().health == Health::degraded);
  CHECK(s.status().health_text == "no app is attached, 1204 routes");
  CHECK(s.status().hold_left == Milliseconds(108000));
  say.text = "sent a Cease";
  CHECK(s.status().health_text == "no app is attached, 1204 routes: sent a Cease");
  FarEnd app = s.app(1);
  CHECK(s.status().health == Health::ok);
  say.degraded = 1;
  say.text = "routes are stale";
  CHECK(s.status().health == Health::degraded);
  CHECK(s.status().health_text == "routes are stale");
  probe.on_report = [](ProbeInstance&, ph_report& out) {
    out.degraded = 1;
    return int{PH_EINVAL};
  };
  CHECK(s.status().health == Health::ok);  // an error is nothing to say
}

TEST_CASE("commands go to the plugin, and its words come back") {
  Probe probe;
  OneSession s(probe, {}, {}, "probe_says");
  probe.on_command = [](ProbeInstance&, const ph_command& c) {
    CHECK(c.struct_size == sizeof c);
    CHECK(c.reply_size >= 256);
    if (c.what == PH_CMD_HOLD) return reply(c, "held for 30m", PH_OK);
    if (c.what == PH_CMD_RELEASE) return reply(c, "nothing is held\x07", PH_EINVAL);
    return int{PH_ENOTSUP};
  };
  const auto held = s.keeper->command("s", Command::hold, std::chrono::minutes(30));
  REQUIRE(held);
  CHECK(*held == "held for 30m");
  CHECK(probe.count("hold 1800000") == 1);
  const auto released = s.keeper->command("s", Command::release, {});
  REQUIRE_FALSE(released);
  CHECK(released.error().text == "session \"s\": nothing is held\\x07");
  CHECK(released.error().code == 0);
  const auto refreshed = s.keeper->command("s", Command::refresh, {});
  REQUIRE_FALSE(refreshed);
  CHECK(refreshed.error().text.find("plugin probe_says has nothing to refresh") !=
        std::string::npos);
  CHECK(refreshed.error().code == ENOTSUP);
  // An answer that is none ends the instance, with a word for the operator.
  probe.on_command = [](ProbeInstance&, const ph_command&) { return 7; };
  CHECK_FALSE(s.keeper->command("s", Command::hold, std::chrono::minutes(1)));
  REQUIRE(
      s.until([&] { return probe.count("down 0 internal") == 0 && probe.count("close") == 1; }));
  probe.breaches.clear();  // it hears nothing more, not even that its link is down
}

TEST_CASE("a plugin without command(), and a session that is down") {
  Probe probe;
  OneSession s(probe);
  const auto held = s.keeper->command("s", Command::hold, std::chrono::minutes(1));
  REQUIRE_FALSE(held);
  CHECK(held.error().text == "session \"s\": plugin probe has nothing to hold");
  Probe other;
  OneSession t(other, {}, {}, "probe_says");
  REQUIRE(t.keeper->down("s", ""));
  REQUIRE(t.until([&] { return other.count("close") == 1; }));
  const auto down = t.keeper->command("s", Command::release, {});
  REQUIRE_FALSE(down);
  CHECK(down.error().text == "session \"s\": it is down");
}

TEST_CASE("drain() is told the operator's own words") {
  Probe probe;
  OneSession s(probe, {}, {}, "probe_says");
  std::string words = "none";
  probe.on_drain = [&](ProbeInstance& i, const ph_drain& how) {
    words = how.text;
    return i.close(PH_PEER, false);
  };
  REQUIRE(s.keeper->down("s", "maintenance until 04:00"));
  CHECK(words == "maintenance until 04:00");
}

}  // namespace
}  // namespace peerhold
