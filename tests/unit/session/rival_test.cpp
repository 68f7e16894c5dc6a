// Two links to one peer: PH_RIVAL for a PH_COLLISION plugin, which closes the loser (RFC 4271
// §6.8); the core's own rule for all others.
#include <fstream>

#include "net/tcp_auth.hpp"
#include "stage.hpp"

namespace peerhold {
namespace {

// Sockets of this namespace that wait for an answer to their SYN.
int syns() {
  std::ifstream table("/proc/self/net/tcp");
  std::string line;
  int n = 0;
  while (std::getline(table, line)) n += line.find(" 02 ") != std::string::npos;
  return n;
}

// A session that listens and dials, and its peer, which can do both.
struct Both : Stage {
  Probe& probe;
  FarListener far{"127.0.0.2"};
  Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  FarEnd dialled;
  explicit Both(Probe& p, const std::string& plugin = "probe_collision") : Stage({&p}), probe(p) {
    start(session(p,
                  "mode = \"both\"\npeer = \"" + far.at.to_string() + "\"\nsource = \"" +
                      at.to_string() + "\"\nlink = \"persistent\"",
                  {}, plugin));
    REQUIRE(until([&] { return far.accept(dialled); }));
    REQUIRE(until([&] { return p.count("up 0") == 1; }));
  }
  FarEnd from_peer() { return connected(at, "127.0.0.2"); }
};

TEST_CASE("a second link is the rival; it takes the place of the one that the plugin closes") {
  Probe probe;
  Both s(probe);
  CHECK(s.status().state == SessionState::opening);  // until established()
  const FarEnd second = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
  ProbeInstance& i = probe.one();
  ph_link_info info{};
  CHECK(i.info(PH_RIVAL, info) == PH_OK);
  CHECK(info.flags == 0);
  CHECK(i.info(PH_PEER, info) == PH_OK);
  CHECK(info.flags == PH_LINK_OUTGOING);
  // Both carry bytes.
  s.dialled.write("first");
  second.write("second");
  REQUIRE(
      s.until([&] { return probe.count("data 0 first") + probe.count("data rival second") == 2; }));
  CHECK(i.send(PH_RIVAL, "to the rival") == 12);
  // A third has no place.
  FarEnd third = s.from_peer();
  REQUIRE(s.until([&] { return third.ended(); }));
  CHECK(third.reset);
  probe.seen.clear();
  CHECK(i.close(PH_PEER, false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("up 0 promoted") == 1; }));
  s.turn();
  CHECK(probe.all() == "down 0 admin, up 0 promoted");
  CHECK(s.dialled.ended());
  CHECK(s.status().state == SessionState::opening);
  CHECK(s.status().links == 1);
  i.established();
  CHECK(s.status().state == SessionState::established);
  CHECK(i.send(PH_PEER, "as peer") == 7);
  FarEnd promoted = FarEnd{Fd(dup(second.fd.get())), {}, false, false};
  REQUIRE(s.until([&] { return promoted.read(), promoted.got == "to the rivalas peer"; }));
  CHECK(i.info(PH_PEER, info) == PH_OK);
  CHECK(info.flags == 0);
  CHECK(i.send(PH_RIVAL, "x") == PH_ENOLINK);
  FarEnd none;
  CHECK_FALSE(s.far.accept(none));  // and nothing was dialled beside it
}

TEST_CASE("the plugin closes the rival: the first link stays") {
  Probe probe;
  probe.on_up = [](ProbeInstance& i, ph_link link, const ph_link_info&) {
    if (link == PH_RIVAL) i.close(link, false);
    return int{PH_OK};
  };
  Both s(probe);
  probe.one().established();
  FarEnd second = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("down rival admin") == 1; }));
  CHECK(s.until([&] { return second.ended(); }));
  CHECK(s.status().state == SessionState::established);
  CHECK(s.status().links == 1);
  CHECK(probe.count("down 0") == 0);
  // Another rival may come.
  FarEnd third = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("up rival") == 2; }));
}

TEST_CASE("the peer link dies while a rival is there: promoted without a backoff") {
  Probe probe;
  Both s(probe);
  const FarEnd second = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
  s.dialled.abort();
  REQUIRE(s.until([&] { return probe.count("up 0 promoted") == 1; }));
  CHECK(probe.count("down 0 peer-reset") == 1);
  CHECK(s.status().links == 1);
  CHECK(s.status().attempts == 1);
}

TEST_CASE(
    "an established link is left for its rival: opening again, until that one is established") {
  for (const bool by_plugin : {true, false}) {
    CAPTURE(by_plugin);
    Probe probe;
    Both s(probe);
    ProbeInstance& i = probe.one();
    i.established();
    CHECK(s.status().established_count == 1);
    const FarEnd second = s.from_peer();
    REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
    CHECK(s.status().state == SessionState::established);
    if (by_plugin) {
      CHECK(i.close(PH_PEER, false) == PH_OK);
      i.established();  // of the peer link alone, and that one is going: nothing
    } else {
      s.dialled.abort();
    }
    REQUIRE(s.until([&] { return probe.count("up 0 promoted") == 1; }));
    CHECK(s.status().state == SessionState::opening);
    CHECK(s.status().links == 1);
    CHECK(s.status().established_count == 1);
    REQUIRE(s.status().last_down);
    CHECK(s.status().last_down->cause == (by_plugin ? Cause::admin : Cause::peer_reset));
    CHECK(i.setting(PH_SET_ESTABLISHED_AGO_MS) >= 0);
    i.established();
    CHECK(s.status().state == SessionState::established);
    CHECK(s.status().established_count == 2);
    CHECK(i.setting(PH_SET_ESTABLISHED_AGO_MS) == 0);
    FarEnd none;
    CHECK_FALSE(s.far.accept(none));
  }
}

TEST_CASE("established() inside on_up is of the promoted link") {
  Probe probe;
  Both s(probe);
  probe.on_up = [](ProbeInstance& i, ph_link link, const ph_link_info& info) {
    if (link == PH_PEER && (info.flags & PH_LINK_PROMOTED) != 0) i.established();
    return int{PH_OK};
  };
  const FarEnd second = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
  CHECK(probe.one().close(PH_PEER, false) == PH_OK);
  REQUIRE(s.is(SessionState::established));
  CHECK(probe.count("up 0 promoted") == 1);
  CHECK(s.status().established_count == 1);
}

TEST_CASE("neither of two links is left after down, want_peer(false), or the keeper's end") {
  for (const int how : {0, 1}) {
    CAPTURE(how);
    Probe probe;
    Both s(probe);
    FarEnd second = s.from_peer();
    REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
    if (how == 0) {
      REQUIRE(s.keeper->down("s", ""));
    } else {
      CHECK(probe.one().want_peer(false) == PH_OK);
    }
    REQUIRE(s.until([&] { return probe.count("down 0") + probe.count("down rival") == 2; }));
    CHECK(s.until([&] { return s.dialled.ended() && second.ended(); }));
    s.turn();
    CHECK(probe.count("up 0 promoted") == 0);
    CHECK(s.status().links == 0);
  }
}

TEST_CASE("our own attempt goes on beside the peer's link, and ends with the session") {
  for (const int how : {0, 1}) {
    CAPTURE(how);
    Probe probe;
    Stage s({&probe});
    // A keyed port meets our unsigned SYN with silence.
    const FarListener far("127.0.0.2");
    REQUIRE(tcp_auth::set_key(far.fd.get(), prefix("127.0.0.1/32"), key_of("Michelle-1")));
    const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
    s.start(Stage::session(probe,
                           "mode = \"both\"\npeer = \"" + far.at.to_string() + "\"\nsource = \"" +
                               at.to_string() + "\"\nlink = \"persistent\"",
                           {}, "probe_collision"));
    FarEnd peer = connected(at, "127.0.0.2");
    REQUIRE(s.until([&] { return probe.count("up 0") == 1; }));
    CHECK(syns() == 1);
    if (how == 0) {
      REQUIRE(s.keeper->down("s", ""));
    } else {
      CHECK(probe.one().want_peer(false) == PH_OK);
    }
    REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
    CHECK(syns() == 0);
  }
}

// The peer's port does not answer yet when its own link comes: ours is a rival, or is given up.
TEST_CASE("our attempt connects beside the peer's link, unless that is established before") {
  for (const bool established : {false, true}) {
    CAPTURE(established);
    Probe probe;
    Stage s({&probe});
    const FarListener far("127.0.0.2");
    REQUIRE(tcp_auth::set_key(far.fd.get(), prefix("127.0.0.1/32"), key_of("Michelle-1")));
    const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
    s.start(Stage::session(probe,
                           "mode = \"both\"\npeer = \"" + far.at.to_string() + "\"\nsource = \"" +
                               at.to_string() + "\"\nlink = \"persistent\"",
                           {}, "probe_collision"));
    FarEnd peer = connected(at, "127.0.0.2");
    REQUIRE(s.until([&] { return probe.count("up 0") == 1; }));
    if (established) {
      probe.one().established();
      CHECK(syns() == 0);
      CHECK(s.status().state == SessionState::established);
      continue;
    }
    REQUIRE(tcp_auth::remove_key(far.fd.get(), prefix("127.0.0.1/32")));
    FarEnd ours;
    REQUIRE(s.until([&] { return far.accept(ours); }));  // the SYN is sent again
    REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
    CHECK(s.status().links == 1);
    probe.one().established();
    CHECK(s.status().state == SessionState::established);
  }
}

TEST_CASE("the peer's link goes while our attempt is under way: that goes on") {
  Probe probe;
  Stage s({&probe});
  const FarListener far("127.0.0.2");
  REQUIRE(tcp_auth::set_key(far.fd.get(), prefix("127.0.0.1/32"), key_of("Michelle-1")));
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  s.start(Stage::session(probe,
                         "mode = \"both\"\npeer = \"" + far.at.to_string() + "\"\nsource = \"" +
                             at.to_string() + "\"\nlink = \"persistent\"",
                         {}, "probe_collision"));
  FarEnd peer = connected(at, "127.0.0.2");
  REQUIRE(s.until([&] { return probe.count("up 0") == 1; }));
  peer.abort();
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  CHECK(s.status().state == SessionState::connecting);
  CHECK(s.status().attempts == 1);
  CHECK(syns() == 1);
}

TEST_CASE("other plugins see one link: a newer one from the peer replaces the old") {
  Probe probe;
  Both s(probe, "probe");
  // Ours is the lower address: of two attempts at the same time the peer's survives.
  FarEnd second = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("up 0") == 2; }));
  CHECK(probe.all() == "open, up 0, down 0 peer-reset, up 0");
  CHECK(s.until([&] { return s.dialled.ended(); }));
  second.write("x");
  REQUIRE(s.until([&] { return probe.count("data 0 x") == 1; }));
  CHECK(s.status().state == SessionState::established);
  CHECK(s.status().links == 1);
  // Replaced by the peer itself, without a retry in between.
  FarEnd third = s.from_peer();
  REQUIRE(s.until([&] { return probe.count("up 0") == 3; }));
  CHECK(s.until([&] { return second.ended(); }));
  FarEnd none;
  CHECK_FALSE(s.far.accept(none));
}

}  // namespace
}  // namespace peerhold
