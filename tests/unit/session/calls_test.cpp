// What plugin.h promises of calls: none comes from inside a host function, on_down is the last for
// its link, timers, wakes from other threads, what the host functions answer.
#include <atomic>

#include "stage.hpp"

namespace peerhold {
namespace {

// Every host function there is, from inside a callback. The Probe notes a callback that comes out
// of one of them; a link is left as it was where that is possible.
void all_of_it(ProbeInstance& i) {
  for (const ph_link link : {PH_PEER, ph_link{1}}) {
    i.send(link, "x");
    i.send_whole(link, "y");
    i.pause(link, true);
    i.pause(link, false);
    ph_link_info info{};
    i.info(link, info);
  }
  i.timer(0, 0);
  i.wake();
  i.established();
  i.splice(PH_PEER, 1, 0);
  i.unsplice(PH_PEER, 1);
  ph_link fresh = 0;
  if (i.dial(nullptr, 0, fresh) == PH_OK) i.close(fresh, false);
  i.want_peer(true);
}

TEST_CASE("no host function calls back, from whichever callback it is called") {
  Probe probe;
  OneSession s(probe);
  FarEnd app = s.app(1);
  int left = 100;  // what is woken wakes again
  const auto busy = [&](ProbeInstance& i) {
    if (left-- > 0) all_of_it(i);
  };
  probe.on_up = [&](ProbeInstance& i, ph_link, const ph_link_info&) { return busy(i), int{PH_OK}; };
  probe.on_data = [&](ProbeInstance& i, ph_link, std::string_view b) {
    return busy(i), static_cast<std::ptrdiff_t>(b.size());
  };
  probe.on_eof = [&](ProbeInstance& i, ph_link) { busy(i); };
  probe.on_writable = [&](ProbeInstance& i, ph_link) { busy(i); };
  probe.on_down = [&](ProbeInstance& i, ph_link, const ph_down&) { busy(i); };
  probe.on_timer = [&](ProbeInstance& i, std::uint32_t) { busy(i); };
  probe.on_wake = [&](ProbeInstance& i) { busy(i); };
  probe.on_reload = [&](ProbeInstance& i, const ph_config*) { return busy(i), int{PH_OK}; };
  const FarEnd another = connected(s.app_at);
  s.turn();
  left = 100;
  s.peer.write("in");
  app.write("in");
  s.turn();
  left = 100;
  CHECK(s.reload(Stage::session(probe, s.lines, "live = \"x\"")).ok);
  s.turn();
  left = 100;
  app.finish();
  s.turn();
  left = 100;
  s.peer.finish();
  s.turn();
  CHECK(probe.count("wake") > 0);
  CHECK(probe.count("timer 0") > 0);
  CHECK(probe.count("eof 0") == 1);
  CHECK(probe.count("eof 1") == 1);
}

TEST_CASE("the probe sees a callback that comes too soon, or on another thread") {
  Probe probe;
  { const Probe::Inside fine(probe, "a"); }
  CHECK(probe.breaches.empty());
  probe.host([&] { const Probe::Inside from_host(probe, "b"); });
  CHECK(probe.breaches.size() == 1);
  {
    const Probe::Inside outer(probe, "c");
    const Probe::Inside nested(probe, "d");
  }
  CHECK(probe.breaches.size() == 2);
  std::thread([&] { const Probe::Inside elsewhere(probe, "e"); }).join();
  CHECK(probe.breaches.size() == 3);
}

TEST_CASE("neither do those that end links; nothing follows on_down") {
  using Act = std::function<void(ProbeInstance&)>;
  const std::pair<const char*, Act> acts[] = {
      {"admin", [](ProbeInstance& i) { i.close(PH_PEER, false); }},
      {"admin", [](ProbeInstance& i) { i.close(PH_PEER, true); }},
      {"hold-expired", [](ProbeInstance& i) { i.fail(PH_HOLD_EXPIRED, PH_RETRY_NORMAL, "x"); }},
      {"admin", [](ProbeInstance& i) { i.want_peer(false); }},
  };
  for (const char* plugin : {"probe", "probe_drains"}) {
    for (const auto& how : acts) {
      CAPTURE(plugin);
      CAPTURE(&how - acts);
      Probe probe;
      bool done = false;
      probe.on_data = [&](ProbeInstance& i, ph_link, std::string_view b) -> std::ptrdiff_t {
        if (!std::exchange(done, true)) {
          how.second(i);
          // It is on its way out: nothing is sent any more, and ending it again changes nothing.
          CHECK(i.send(PH_PEER, "late") == 0);
          i.close(PH_PEER, false);
          i.fail(PH_INTERNAL, PH_RETRY_NORMAL, "again");
        }
        return static_cast<std::ptrdiff_t>(b.size() - 1);
      };
      OneSession s(probe, "[session.retry]\nmin = \"30s\"\njitter = 0.0\n", {}, plugin);
      s.peer.write("ab");
      REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
      s.peer.write_some("more");
      s.turn();
      CHECK(probe.all() == "open, up 0, data 0 ab, down 0 " + std::string(how.first));
      CHECK(s.until([&] { return s.peer.ended(); }));
    }
  }
}

TEST_CASE("nothing follows on_down when the far end, the wire or the operator ends the link") {
  const auto with = [](const std::string& expected, auto&& act) {
    Probe probe;
    probe.on_eof = [](ProbeInstance& i, ph_link link) { i.close(link, false); };
    // Something is held, and the app has room again: reasons for a callback enough.
    probe.on_data = [](ProbeInstance&, ph_link, std::string_view b) {
      return static_cast<std::ptrdiff_t>(b.size() / 2);
    };
    OneSession s(probe, "[session.retry]\nmin = \"30s\"\njitter = 0.0\n");
    const FarEnd app = s.app(1);
    s.peer.write("ab");
    REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
    act(s);
    REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
    CHECK(probe.count("down 0 " + expected) == 1);
    s.turn();
    const std::string last = "down 0 " + expected;
    bool seen_down = false;
    for (const std::string& line : probe.seen) {
      if (line == "up 0") seen_down = false;  // the next one
      if (seen_down) CHECK_FALSE(line.ends_with(" 0"));
      seen_down = seen_down || line == last;
    }
  };
  with("peer-closed", [](OneSession& s) { s.peer.finish(); });
  with("peer-reset", [](OneSession& s) { s.peer.abort(); });
  with("admin", [](OneSession& s) { REQUIRE(s.keeper->down("s", "")); });
  with("admin", [](OneSession& s) { REQUIRE(s.keeper->reset("s", "")); });
}

TEST_CASE("what sends and links answer") {
  Probe probe;
  OneSession s(probe);
  ProbeInstance& i = probe.one();
  const FarEnd app = s.app(1);
  ph_link_info info{};
  CHECK(i.info(PH_PEER, info) == PH_OK);
  CHECK(info.flags == PH_LINK_OUTGOING);
  CHECK(info.remote.port == s.far.at.port);
  CHECK(info.remote.ip[3] == 2);
  probe.on_wake = [&](ProbeInstance& in) {
    // Each text is valid until the callback returns, however many are asked for.
    ph_link_info of_peer{}, of_app{};
    CHECK(in.info(PH_PEER, of_peer) == PH_OK);
    CHECK(in.info(1, of_app) == PH_OK);
    CHECK(std::string(of_peer.text) == s.far.at.to_string());
    CHECK(std::string(of_peer.endpoint) == s.far.at.to_string());
    CHECK(std::string(of_app.text) == local_endpoint(app.fd.get()).to_string());
    CHECK(of_app.endpoint == nullptr);
  };
  i.wake();
  REQUIRE(s.until([&] { return probe.count("wake") == 1; }));
  // Links that never were.
  for (const ph_link never : {ph_link{2}, ph_link{77}}) {
    CHECK(i.send(never, "x") == PH_EINVAL);
    CHECK(i.send_whole(never, "x") == PH_EINVAL);
    CHECK(i.send_eof(never) == PH_EINVAL);
    CHECK(i.close(never, false) == PH_EINVAL);
    CHECK(i.pause(never, true) == PH_EINVAL);
    CHECK(i.info(never, info) == PH_EINVAL);
    CHECK(i.splice(PH_PEER, never, 0) == PH_EINVAL);
  }
  CHECK(i.splice(1, 1, 0) == PH_EINVAL);
  CHECK(i.timer(16, 0) == PH_EINVAL);
  CHECK(probe.host([&] { return i.host->send(i.me, 1, nullptr, 3); }) == PH_EINVAL);
  // The peer is down: PH_PEER always exists.
  s.far.fd.reset();
  s.peer.abort();
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  CHECK(i.send(PH_PEER, "x") == 0);
  CHECK(i.send_whole(PH_PEER, "x") == 0);
  CHECK(i.send_eof(PH_PEER) == PH_ENOLINK);
  CHECK(i.close(PH_PEER, false) == PH_ENOLINK);
  CHECK(i.pause(PH_PEER, true) == PH_ENOLINK);
  CHECK(i.info(PH_PEER, info) == PH_ENOLINK);
  CHECK(i.splice(PH_PEER, 1, 0) == PH_ENOLINK);
  // An app that has gone.
  CHECK(i.close(1, true) == PH_OK);
  CHECK(i.close(1, true) == PH_OK);  // still on its way out
  REQUIRE(s.until([&] { return probe.count("down 1") == 1; }));
  CHECK(i.send(1, "x") == PH_ENOLINK);
  CHECK(i.close(1, false) == PH_ENOLINK);
  CHECK(i.info(1, info) == PH_ENOLINK);
}

TEST_CASE("timers: by number, one shot, moved when set again, stopped below zero") {
  Probe probe;
  OneSession s(probe);
  ProbeInstance& i = probe.one();
  probe.seen.clear();
  for (std::uint32_t id = 0; id < 16; ++id) CHECK(i.timer(id, 15 - id) == PH_OK);
  CHECK(i.timer(3, -1) == PH_OK);
  CHECK(i.timer(4, -1) == PH_OK);
  CHECK(i.timer(4, -1) == PH_OK);
  CHECK(i.timer(5, 60000) == PH_OK);
  REQUIRE(s.until([&] { return probe.seen.size() == 13; }));
  s.turn();
  CHECK(probe.all() ==
        "timer 15, timer 14, timer 13, timer 12, timer 11, timer 10, timer 9, timer 8, timer 7, "
        "timer 6, timer 2, timer 1, timer 0");
  // Set from inside itself: again, later.
  int left = 3;
  probe.on_timer = [&](ProbeInstance& in, std::uint32_t id) {
    if (--left > 0) in.timer(id, 0);
  };
  CHECK(i.timer(7, 0) == PH_OK);
  REQUIRE(s.until([&] { return left == 0; }));
  s.turn();
  CHECK(probe.count("timer 7") == 4);
}

TEST_CASE("a wake from another thread comes on the loop's, once for many") {
  Probe probe;
  OneSession s(probe);
  ProbeInstance& i = probe.one();
  std::thread waker([&] {
    for (int n = 0; n < 1000; ++n) i.wake();
  });
  waker.join();
  REQUIRE(s.until([&] { return probe.count("wake") > 0; }));
  s.turn();
  CHECK(probe.count("wake") == 1);
  // And while the loop turns.
  std::atomic<bool> stop = false;
  std::thread again([&] {
    while (!stop) i.wake();
  });
  CHECK(s.until([&] { return probe.count("wake") > 20; }));
  stop = true;
  again.join();
}

TEST_CASE("the peer's input after a half close, and ours") {
  Probe probe;
  OneSession s(probe);
  ProbeInstance& i = probe.one();
  CHECK(i.send(PH_PEER, "last") == 4);
  CHECK(i.send_eof(PH_PEER) == PH_OK);
  CHECK(i.send(PH_PEER, "x") == 0);  // nothing can be sent on it any more
  REQUIRE(s.until([&] { return s.peer.ended(); }));
  CHECK(s.peer.got == "last");
  CHECK(s.peer.eof);
  s.peer.write("still here");
  REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
  s.peer.finish();
  REQUIRE(s.until([&] { return probe.count("eof 0") == 1; }));
  s.turn();
  CHECK(probe.count("down 0") == 0);  // the end of the link is the plugin's to say
  CHECK(i.close(PH_PEER, false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
}

}  // namespace
}  // namespace peerhold
