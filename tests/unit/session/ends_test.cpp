// How plugins end links and what follows: fail(), exceptions, want_peer(); and goodbyes.
#include <stdexcept>

#include "stage.hpp"

namespace peerhold {
namespace {

const std::string patient =
    "[session.retry]\nmin = \"100ms\"\nmax = \"40s\"\njitter = 0.0\nreset_after = \"1h\"\n";

TEST_CASE("fail(): its cause is what status shows, and a slow retry starts at a quarter of max") {
  for (const ph_retry retry : {PH_RETRY_NORMAL, PH_RETRY_SLOW}) {
    CAPTURE(static_cast<int>(retry));
    Probe probe;
    OneSession s(probe, patient);
    s.far.fd.reset();  // what comes after the backoff is not of interest
    CHECK(probe.one().send(PH_PEER, "notification") == 12);
    probe.one().fail(PH_NOTIFICATION, retry, "bad\npeer AS");
    REQUIRE(s.is(SessionState::backoff));
    const SessionStatus status = s.status();
    REQUIRE(status.last_error);
    CHECK(status.last_error->cause == Cause::notification);
    CHECK(status.last_error->text == "bad\\npeer AS");  // nothing of the peer's reaches a terminal
    REQUIRE(status.last_down);
    CHECK(status.last_down->cause == Cause::notification);
    REQUIRE(status.retry_in);
    CHECK(*status.retry_in <= (retry == PH_RETRY_SLOW ? Milliseconds(10000) : Milliseconds(100)));
    if (retry == PH_RETRY_SLOW) CHECK(*status.retry_in > Milliseconds(5000));
    // What was queued went out, then a FIN.
    REQUIRE(s.until([&] { return s.peer.ended(); }));
    CHECK(s.peer.got == "notification");
    CHECK(s.peer.eof);
    CHECK(probe.count("down 0 notification") == 1);
  }
}

TEST_CASE("fail() in open() is the reason why a session fails") {
  Probe probe;
  probe.on_open = [](ProbeInstance& i, const ph_open&) {
    i.fail(PH_RESOURCE, PH_RETRY_NORMAL, "not on a Tuesday");
    i.open = false;  // after a refusal there is no close()
    return int{PH_EINVAL};
  };
  const FarListener far("127.0.0.2");
  Stage s({&probe});
  s.start(Stage::session(
      probe, "peer = \"" + far.at.to_string() + "\"\nlink = \"persistent\"\nmode = \"active\""));
  CHECK(s.status().state == SessionState::failed);
  REQUIRE(s.status().last_error);
  CHECK(s.status().last_error->text.find("not on a Tuesday") != std::string::npos);
  FarEnd none;
  s.turn();
  CHECK_FALSE(far.accept(none));  // not so much as a SYN
  CHECK(s.status().attempts == 0);
  // `up` tries again.
  probe.on_open = {};
  REQUIRE(s.keeper->up("s"));
  CHECK(s.is(SessionState::established));
}

TEST_CASE("an exception that leaves a callback ends its link, and nobody else's") {
  using Break = std::function<void(Probe&)>;
  const auto thrown = [] { throw std::runtime_error("sixth finger"); };
  const Break breaks[] = {
      [&](Probe& p) {
        p.on_data = [&](ProbeInstance&, ph_link, std::string_view) -> std::ptrdiff_t {
          thrown();
          return 0;
        };
      },
      [&](Probe& p) {
        p.on_data = [&](ProbeInstance& i, ph_link, std::string_view b) {
          p.on_timer = [&](ProbeInstance&, std::uint32_t) { thrown(); };
          i.timer(0, 0);
          return static_cast<std::ptrdiff_t>(b.size());
        };
      },
      [&](Probe& p) {
        p.on_data = [&](ProbeInstance& i, ph_link, std::string_view b) {
          p.on_wake = [&](ProbeInstance&) { thrown(); };
          i.wake();
          return static_cast<std::ptrdiff_t>(b.size());
        };
      },
      // An answer out of its range is a breach as well.
      [](Probe& p) {
        p.on_data = [](ProbeInstance&, ph_link, std::string_view b) {
          return static_cast<std::ptrdiff_t>(b.size() + 1);
        };
      },
  };
  for (const Break& how : breaks) {
    CAPTURE(&how - breaks);
    Probe probe, other;
    other.on_data = [](ProbeInstance& i, ph_link link, std::string_view b) {
      return i.send(link, b);
    };
    const FarListener far("127.0.0.2"), far_of_other("127.0.0.3");
    Stage s({&other});
    s.start(Stage::session(probe, "peer = \"" + far.at.to_string() + "\"\nlink = \"persistent\"",
                           {}, "probe", "s", patient) +
            Stage::session(other,
                           "peer = \"" + far_of_other.at.to_string() + "\"\nlink = \"persistent\"",
                           {}, "probe", "t"));
    FarEnd peer, healthy;
    REQUIRE(s.until([&] { return far.accept(peer); }));
    REQUIRE(s.until([&] { return far_of_other.accept(healthy); }));
    REQUIRE(s.is(SessionState::established));
    how(probe);
    peer.write("x");
    REQUIRE(s.is(SessionState::backoff));
    CHECK(peer.ended());
    REQUIRE(s.status().last_down);
    CHECK(s.status().last_down->cause == Cause::internal);
    // A retry will hardly cure it.
    REQUIRE(s.status().retry_in);
    CHECK(*s.status().retry_in > Milliseconds(5000));
    // The broken instance hears nothing any more but its end.
    const std::size_t calls = probe.seen.size();
    s.turn();
    CHECK(probe.count("down 0") == 0);
    CHECK(probe.seen.size() <= calls + 1);
    // The other has not noticed.
    healthy.write("echo");
    REQUIRE(s.until([&] { return healthy.read(), healthy.got == "echo"; }));
    CHECK(s.status("t").established_count == 1);
    // A new instance is made for the next link.
    probe.on_data = {};
    REQUIRE(s.keeper->reset("s", ""));
    REQUIRE(s.is(SessionState::established));
    CHECK(probe.count("open") == 2);
  }
}

TEST_CASE("want_peer(false) ends the link and stops dialling; want_peer(true) brings it back") {
  Probe probe;
  OneSession s(probe);
  const FarEnd app = s.app(1);
  CHECK(probe.one().send(PH_PEER, "bye") == 3);
  CHECK(probe.one().want_peer(false) == PH_OK);
  REQUIRE(s.until([&] { return s.peer.ended(); }));
  CHECK(s.peer.got == "bye");
  CHECK(s.peer.eof);
  REQUIRE(s.until([&] { return probe.count("down 0 admin") == 1; }));
  FarEnd next;
  s.turn(2000);
  CHECK_FALSE(s.far.accept(next));
  CHECK(s.status().links == 0);
  CHECK_FALSE(s.status().retry_in);
  // The app stays: what to do with it is the plugin's to say.
  CHECK(probe.count("down 1") == 0);
  // Neither an operator's reset nor a changed configuration brings it back.
  REQUIRE(s.keeper->reset("s", ""));
  CHECK(s.reload(Stage::session(probe, s.lines, "live = \"x\"")).ok);
  s.turn();
  CHECK_FALSE(s.far.accept(next));
  CHECK(probe.one().want_peer(true) == PH_OK);
  REQUIRE(s.until([&] { return s.far.accept(next); }));
  REQUIRE(s.until([&] { return probe.count("up 0") == 2; }));
  CHECK(s.status().state == SessionState::established);
}

TEST_CASE("want_peer(false) takes the claim off the listener, want_peer(true) puts it back") {
  Probe probe;
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  Stage s({&probe});
  s.start(Stage::session(probe, "mode = \"passive\"\npeer = \"127.0.0.2\"\nsource = \"" +
                                    at.to_string() + "\"\nlink = \"persistent\""));
  FarEnd peer = connected(at, "127.0.0.2");
  REQUIRE(s.until([&] { return probe.count("up 0") == 1; }));
  // From inside a callback of the very link.
  probe.on_data = [](ProbeInstance& i, ph_link, std::string_view b) {
    i.want_peer(false);
    return static_cast<std::ptrdiff_t>(b.size());
  };
  peer.write("x");
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  CHECK(s.until([&] { return peer.ended(); }));
  CHECK(s.status().state == SessionState::backoff);
  const Fd refused = bound(endpoint("127.0.0.2"));
  CHECK_FALSE(connect_to(refused, at));
  CHECK(probe.one().want_peer(true) == PH_OK);
  CHECK(s.status().state == SessionState::listening);
  const FarEnd again = connected(at, "127.0.0.2");
  REQUIRE(s.until([&] { return probe.count("up 0") == 2; }));
}

TEST_CASE("asking for the peer again and again is no way around the waiting") {
  Probe probe;
  OneSession s(probe, "[session.retry]\nmin = \"30s\"\njitter = 0.0\n");
  s.peer.abort();
  REQUIRE(s.is(SessionState::backoff));
  CHECK(probe.one().want_peer(true) == PH_OK);
  s.turn();
  CHECK(s.status().state == SessionState::backoff);
  CHECK(s.status().attempts == 1);
}

TEST_CASE("drain says goodbye: why, with how much time; the link ends when the plugin closes it") {
  Probe probe;
  std::string text;
  probe.on_drain = [&](ProbeInstance& i, const ph_drain& how) {
    text = how.text;
    CHECK(how.deadline_ms > 0);
    CHECK(i.send(PH_PEER, "cease") == 5);
    return i.close(PH_PEER, false);
  };
  OneSession s(probe, {}, {}, "probe_drains");
  REQUIRE(s.keeper->down("s", "for lunch"));
  REQUIRE(s.until([&] { return s.peer.ended(); }));
  CHECK(probe.count("drain down") == 1);
  CHECK(text.find("for lunch") != std::string::npos);
  CHECK(s.peer.got == "cease");
  CHECK(s.peer.eof);
  CHECK(s.status().state == SessionState::down);
  REQUIRE(s.until([&] { return probe.count("close") == 1; }));
  REQUIRE(s.keeper->up("s"));
  REQUIRE(s.until([&] { return s.far.accept(s.peer); }));
  REQUIRE(s.until([&] { return probe.count("up 0") == 2; }));
  REQUIRE(s.keeper->reset("s", ""));
  REQUIRE(s.until([&] { return probe.count("drain reset") == 1; }));
  REQUIRE(s.until([&] { return probe.count("up 0") == 3; }));
  CHECK(s.reload({}).ok);
  REQUIRE(s.until([&] { return probe.count("drain removed") == 1; }));
}

TEST_CASE("a drain that never closes is cut short") {
  Probe probe;
  probe.on_drain = [](ProbeInstance&, const ph_drain&) { return int{PH_OK}; };
  OneSession s(probe, {}, {}, "probe_drains");
  REQUIRE(s.keeper->down("s", ""));
  s.turn();
  CHECK(probe.count("down 0") == 0);
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));  // two seconds
}

}  // namespace
}  // namespace peerhold
