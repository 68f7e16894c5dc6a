// App links that the plugin dials, apps whose session the plugin picks, and reload().
#include "stage.hpp"

namespace peerhold {
namespace {

// Where nobody listens.
std::string nobody() {
  return "127.0.0.1:" + std::to_string(fresh_port());
}

struct Dials : Stage {
  Probe& probe;
  FarListener far{"127.0.0.2"};
  FarEnd peer;
  std::string to = nobody(), app = nobody();
  explicit Dials(Probe& p) : Stage({&p}), probe(p) {
    start(session(p,
                  "peer = \"" + far.at.to_string() + "\"\nlink = \"persistent\"\napp = \"" + app +
                      "\"\napp_mode = \"connect\"",
                  "to = \"" + to + "\"", "probe_dials"));
    REQUIRE(until([&] { return far.accept(peer); }));
    REQUIRE(until([&] { return p.count("up 0") == 1; }));
    p.seen.clear();
  }
};

TEST_CASE("dial: only what stands in the configuration; on_up or on_down follows") {
  Probe probe;
  Dials s(probe);
  ProbeInstance& i = probe.one();
  s.turn();
  CHECK(probe.seen.empty());  // the core itself dials nothing for such a plugin
  ph_link link = 99;
  CHECK(i.dial("127.0.0.1:1", 0, link) == PH_EINVAL);
  CHECK(i.dial(s.to.c_str(), 0, link) == PH_OK);
  CHECK(link == 1);
  CHECK(i.send(link, "x") == 0);  // not up yet
  REQUIRE(s.until([&] { return probe.count("down 1") == 1; }));
  CHECK(probe.all() == "down 1 app-unreachable");
  // Somebody listens now.
  const FarListener there("127.0.0.1", endpoint(s.to).port);
  CHECK(i.dial(s.to.c_str(), 0, link) == PH_OK);
  CHECK(link == 2);
  FarEnd app;
  REQUIRE(s.until([&] { return there.accept(app); }));
  REQUIRE(s.until([&] { return probe.count("up 2") == 1; }));
  ph_link_info info{};
  CHECK(i.info(2, info) == PH_OK);
  CHECK(info.flags == PH_LINK_OUTGOING);
  app.write("hello");
  REQUIRE(s.until([&] { return probe.count("data 2 hello") == 1; }));
  // NULL: the session's app.
  const FarListener home("127.0.0.1", endpoint(s.app).port);
  CHECK(i.dial(nullptr, 0, link) == PH_OK);
  FarEnd at_home;
  REQUIRE(s.until([&] { return home.accept(at_home); }));
  REQUIRE(s.until([&] { return probe.count("up 3") == 1; }));
  // A UNIX socket's address in the wrong place is no reason to fall over.
  CHECK(i.dial("", 0, link) == PH_EINVAL);
}

TEST_CASE("dial with PH_DIAL_RETRY goes on until it is up") {
  Probe probe;
  Dials s(probe);
  ph_link link = 0;
  CHECK(probe.one().dial(s.to.c_str(), PH_DIAL_RETRY, link) == PH_OK);
  REQUIRE(s.until([&] {
    return s.status().last_error && s.status().last_error->cause == Cause::app_unreachable &&
           s.status().recent_errors.size() >= 3;
  }));
  CHECK(probe.seen.empty());
  const FarListener there("127.0.0.1", endpoint(s.to).port);
  FarEnd app;
  REQUIRE(s.until([&] { return there.accept(app); }));
  REQUIRE(s.until([&] { return probe.count("up 1") == 1; }));
  // Up once: from here on it is a link like any other.
  app.abort();
  REQUIRE(s.until([&] { return probe.count("down 1") == 1; }));
  FarEnd again;
  s.turn(2000);
  CHECK_FALSE(there.accept(again));
  CHECK(probe.all() == "up 1, down 1 peer-reset");
}

TEST_CASE("close gives up a dial, between two attempts as well") {
  Probe probe;
  Dials s(probe);
  ph_link link = 0;
  CHECK(probe.one().dial(s.to.c_str(), PH_DIAL_RETRY, link) == PH_OK);
  CHECK(probe.one().close(link, false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 1 admin") == 1; }));
  CHECK(probe.one().dial(s.to.c_str(), PH_DIAL_RETRY, link) == PH_OK);
  REQUIRE(s.until([&] { return s.status().last_error.has_value(); }));
  CHECK(probe.one().close(link, true) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 2 admin") == 1; }));
  const FarListener there("127.0.0.1", endpoint(s.to).port);
  s.turn(2000);
  FarEnd none;
  CHECK_FALSE(there.accept(none));
  CHECK(probe.all() == "down 1 admin, down 2 admin");
}

TEST_CASE("pick: the plugin says whose connection it is, and all bytes come to that session") {
  Probe first, second;
  Stage s({&first, &second});
  const FarListener far("127.0.0.2"), other("127.0.0.3");
  const Endpoint at = endpoint(nobody());
  const auto lines = [&](const FarListener& peer) {
    return "peer = \"" + peer.at.to_string() + "\"\nlink = \"persistent\"\napp = \"" +
           at.to_string() + "\"";
  };
  const std::string slow =
      "[session.retry]\nmin = \"20ms\"\njitter = 0.0\nconnect_timeout = \"10m\"\n";
  s.start(Stage::session(first, lines(far), {}, "probe_picks", "s", slow) +
          Stage::session(second, lines(other), {}, "probe_picks", "t", slow));
  const FarEnd one = connected(at);
  one.write("1ab");
  s.turn();
  CHECK(first.count("up 1") + second.count("up 1") == 0);  // not enough to say
  one.write("c and more");
  REQUIRE(s.until([&] { return second.count("up 1") == 1; }));
  REQUIRE(s.until([&] { return second.count("data 1") >= 1; }));
  CHECK(second.count("data 1 1abc and more") == 1);
  const FarEnd zero = connected(at);
  zero.write("0xyz");
  REQUIRE(s.until([&] { return first.count("data 1 0xyz") == 1; }));
  // Refused with a reply; and one that says nothing is not waited for.
  FarEnd wrong = connected(at);
  wrong.write("9xyz");
  REQUIRE(s.until([&] { return wrong.ended(); }));
  CHECK(wrong.got == "no");
  FarEnd silent = connected(at);
  s.turn();
  silent.finish();
  REQUIRE(s.until([&] { return silent.ended(); }));
  FarEnd brief = connected(at);
  brief.write("1a");
  brief.finish();
  REQUIRE(s.until([&] { return brief.ended(); }));
  CHECK(first.count("up") == 1 + first.count("up 0"));
  CHECK(second.count("up") == 1 + second.count("up 0"));
  // One of the two leaves: what comes is the other's without a question.
  REQUIRE(s.keeper->down("s", ""));
  const FarEnd any = connected(at);
  any.write("9");
  REQUIRE(s.until([&] { return second.count("data 2 9") == 1; }));
}

TEST_CASE("reload() is called when options have changed, and only then") {
  Probe probe;
  std::string live;
  probe.on_reload = [&](ProbeInstance& i, const ph_config* config) {
    live = i.host->opt_str(config, probe_live);
    return int{PH_OK};
  };
  OneSession s(probe);
  const FarEnd app = s.app(1);
  CHECK(s.reload(Stage::session(probe, s.lines)).ok);
  CHECK(s.reload(Stage::session(probe, s.lines + "\ndescription = \"d\"")).ok);
  CHECK(probe.count("reload") == 0);
  const ReloadOutcome outcome =
      s.reload(Stage::session(probe, s.lines + "\ndescription = \"d\"", "live = \"new\""));
  REQUIRE(outcome.actions.size() == 1);
  CHECK(outcome.actions[0].what == ReloadAction::What::live);
  CHECK(outcome.actions[0].keys == std::vector<std::string>{"probe.live"});
  CHECK(probe.count("reload") == 1);
  CHECK(live == "new");
  s.turn();
  CHECK(probe.count("down 0") + probe.count("down 1") == 0);
  CHECK(s.status().description == "d");
  // A dry run asks nobody; a text with a mistake changes nothing.
  REQUIRE(s.keeper->set_text(Stage::session(probe, s.lines, "live = \"dry\"")));
  CHECK(s.keeper->reload(true).ok);
  CHECK_FALSE(s.reload(Stage::session(probe, s.lines, "nonsense = 1")).ok);
  CHECK(probe.count("reload") == 1);
}

TEST_CASE("reload: PH_ERESTART, or an option that may not change, restarts the session") {
  for (const bool fixed : {false, true}) {
    CAPTURE(fixed);
    Probe probe;
    probe.on_reload = [](ProbeInstance&, const ph_config*) { return int{PH_ERESTART}; };
    OneSession s(probe);
    FarEnd app = s.app(1);
    const char* option = fixed ? "fixed = \"y\"" : "live = \"y\"";
    CHECK(s.reload(Stage::session(probe, s.lines, option)).ok);
    REQUIRE(s.until([&] { return probe.count("close") == 1; }));
    CHECK(probe.count("reload") == (fixed ? 0 : 1));
    CHECK(probe.count("down 0 admin") == 1);
    CHECK(probe.count("down 1 admin") == 1);
    CHECK(s.peer.ended());
    CHECK(app.ended());
    std::string seen;
    FarEnd next;
    REQUIRE(s.until([&] { return s.far.accept(next); }));
    REQUIRE(s.until([&] { return probe.count("open") == 2 && probe.count("up 0") == 2; }));
    CHECK(s.status().state == SessionState::established);
  }
}

TEST_CASE("a keyed link is a link like any other") {
  Probe probe;
  Probe far_side;
  Stage s({&probe, &far_side});
  const Endpoint at = endpoint(nobody());
  const std::string chain = "[[keychain.k.key]]\nid = 1\nsecret = \"Norwegian-wood-1\"\n";
  s.start(chain +
          Stage::session(far_side,
                         "keychain = \"k\"\nmode = \"passive\"\npeer = \"127.0.0.2\"\nsource = "
                         "\"127.0.0.4:" +
                             std::to_string(at.port) + "\"\nlink = \"persistent\"",
                         {}, "probe", "far") +
          Stage::session(probe, "keychain = \"k\"\npeer = \"127.0.0.4:" + std::to_string(at.port) +
                                    "\"\nsource = \"127.0.0.2\"\nlink = \"persistent\""));
  REQUIRE(s.is(SessionState::established));
  REQUIRE(s.is(SessionState::established, "far"));
  CHECK(probe.one().send(PH_PEER, "signed") == 6);
  REQUIRE(s.until([&] { return far_side.count("data 0 signed") == 1; }));
  // Another key on both ends at once, under a live link.
  const std::string next = "[[keychain.k.key]]\nid = 2\nsecret = \"Norwegian-wood-2\"\n";
  const std::string sessions = Stage::session(
      far_side,
      "keychain = \"k\"\nmode = \"passive\"\npeer = \"127.0.0.2\"\nsource = \"127.0.0.4:" +
          std::to_string(at.port) + "\"\nlink = \"persistent\"",
      {}, "probe", "far");
  const ReloadOutcome outcome = s.reload(
      next + sessions +
      Stage::session(probe, "keychain = \"k\"\npeer = \"127.0.0.4:" + std::to_string(at.port) +
                                "\"\nsource = \"127.0.0.2\"\nlink = \"persistent\""));
  REQUIRE(outcome.ok);
  CHECK(s.status().key->id == 2);
  CHECK(far_side.one().send(PH_PEER, "again") == 5);
  REQUIRE(s.until([&] { return probe.count("data 0 again") == 1; }));
  CHECK(probe.count("down 0") + probe.count("reload") == 0);
}

}  // namespace
}  // namespace peerhold
