// Dynamic peers: a persistent session whose peer is a prefix, and a child session for each that
// comes.
#include <sys/un.h>

#include "stage.hpp"

namespace peerhold {
namespace {

struct Dynamic : Stage {
  Probe& probe;
  Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  std::string lines;
  explicit Dynamic(Probe& p, const std::string& more = {}, Milliseconds forget = Milliseconds(0))
      : Stage({&p}), probe(p) {
    forget_after = forget;
    lines = "mode = \"passive\"\npeer = \"127.0.0.0/24\"\nsource = \"" + at.to_string() +
            "\"\nlink = \"persistent\"\n" + more;
    start(text());
  }
  std::string text(const std::string& more = {}, const std::string& options = {}) const {
    return session(probe, lines + more, options, "probe_says");
  }
  FarEnd from(const std::string& address, std::size_t ups) {
    FarEnd end = connected(at, address);
    REQUIRE(until([&] { return probe.count("up 0") == ups; }));
    return end;
  }
  std::string names() const {
    std::string out;
    for (const SessionStatus& one : keeper->sessions()) out += one.name + " ";
    return out;
  }
};

TEST_CASE("each peer has a session of its own, behind its parent") {
  Probe probe;
  Dynamic s(probe);
  CHECK(s.status().state == SessionState::listening);
  CHECK(s.status().health == Health::ok);
  CHECK(probe.count("open") == 0);  // the parent has no instance
  FarEnd two = s.from("127.0.0.2", 1);
  FarEnd three = s.from("127.0.0.3", 2);
  CHECK(s.names() == "s s@127.0.0.2 s@127.0.0.3 ");
  CHECK(s.keeper->names() == std::vector<std::string>{"s"});
  CHECK(s.status("s@127.0.0.2").state == SessionState::opening);
  CHECK(s.status("s@127.0.0.2").peer == "127.0.0.2");
  CHECK(probe.instances.size() == 2);
  probe.instances[0]->established();
  CHECK(s.status("s@127.0.0.2").state == SessionState::established);
  CHECK(s.status("s@127.0.0.3").state == SessionState::opening);
  CHECK(s.status().state == SessionState::listening);
  CHECK(s.keeper->status().established == 1);
  // A second link of the same peer is its rival, not another session.
  const FarEnd again = connected(s.at, "127.0.0.2");
  REQUIRE(s.until([&] { return probe.count("up rival") == 1; }));
  CHECK(probe.instances.size() == 2);
  // Links end and come again, the session stays.
  three.abort();
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  CHECK(s.status("s@127.0.0.3").state == SessionState::listening);
  const FarEnd back = s.from("127.0.0.3", 3);
  CHECK(probe.instances.size() == 2);
}

TEST_CASE("one more than max_dynamic is turned away, until a reload makes room") {
  Probe probe;
  Dynamic s(probe, "max_dynamic = 1\n");
  const FarEnd two = s.from("127.0.0.2", 1);
  FarEnd three = connected(s.at, "127.0.0.3");
  REQUIRE(s.until([&] { return three.ended(); }));
  CHECK(three.reset);
  CHECK(s.names() == "s s@127.0.0.2 ");
  s.lines.replace(s.lines.find("max_dynamic = 1"), 15, "max_dynamic = 2");
  REQUIRE(s.reload(s.text()).ok);
  const FarEnd now = s.from("127.0.0.3", 2);
  CHECK(s.names() == "s s@127.0.0.2 s@127.0.0.3 ");
}

TEST_CASE("a child is forgotten when its plugin wants no link and has none") {
  Probe probe;
  Dynamic s(probe);
  FarEnd two = s.from("127.0.0.2", 1);
  CHECK(probe.one().want_peer(false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("close") == 1; }));
  CHECK(s.until([&] { return s.names() == "s "; }));
  CHECK(two.ended());
  // It may come again, as a new one.
  const FarEnd again = s.from("127.0.0.2", 2);
  CHECK(probe.instances.size() == 2);
}

TEST_CASE("a child without a link is forgotten after a while, unless it holds something") {
  Probe probe;
  std::int64_t held = 5;
  probe.on_report = [&](ProbeInstance&, ph_report& out) {
    out.held = held;
    return int{PH_OK};
  };
  Dynamic s(probe, {}, Milliseconds(30));
  FarEnd two = s.from("127.0.0.2", 1);
  const auto later = std::chrono::steady_clock::now() + Milliseconds(100);
  REQUIRE(s.until([&] { return std::chrono::steady_clock::now() > later; }));
  CHECK(s.names() == "s s@127.0.0.2 ");  // it has a link
  two.abort();
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  const auto held_till = std::chrono::steady_clock::now() + Milliseconds(100);
  REQUIRE(s.until([&] { return std::chrono::steady_clock::now() > held_till; }));
  CHECK(s.names() == "s s@127.0.0.2 ");
  held = 0;
  CHECK(s.until([&] { return s.names() == "s "; }));
  CHECK(probe.count("close") == 1);
}

TEST_CASE("down, up and reset of one child, and of the parent") {
  Probe probe;
  Dynamic s(probe, {}, Milliseconds(30));
  FarEnd two = s.from("127.0.0.2", 1);
  FarEnd three = s.from("127.0.0.3", 2);
  REQUIRE(s.keeper->down("s@127.0.0.2", ""));
  REQUIRE(s.until([&] { return two.ended(); }));
  const auto later = std::chrono::steady_clock::now() + Milliseconds(100);
  REQUIRE(s.until([&] { return std::chrono::steady_clock::now() > later; }));
  // Not forgotten: its peer would come back as a new one.
  CHECK(s.status("s@127.0.0.2").state == SessionState::down);
  FarEnd refused = connected(s.at, "127.0.0.2");
  REQUIRE(s.until([&] { return refused.ended(); }));
  REQUIRE(s.keeper->up("s@127.0.0.2"));
  CHECK(s.status("s@127.0.0.2").state == SessionState::listening);
  two = s.from("127.0.0.2", 3);
  REQUIRE(s.keeper->reset("s", "tidy"));
  REQUIRE(s.until([&] { return two.ended() && three.ended(); }));
  CHECK(probe.count("drain reset") == 2);
  two = s.from("127.0.0.2", 4);
  REQUIRE(s.keeper->down("s", ""));
  REQUIRE(s.until([&] { return two.ended(); }));
  CHECK(s.until([&] { return s.names() == "s "; }));
  CHECK(s.status().state == SessionState::down);
  CHECK(probe.count("drain down") == 2);
  REQUIRE(s.keeper->up("s"));
  const FarEnd again = s.from("127.0.0.2", 5);
}

TEST_CASE("live options pass to the children; a restart and a removal end them") {
  Probe probe;
  Dynamic s(probe);
  FarEnd two = s.from("127.0.0.2", 1);
  std::string live;
  probe.on_reload = [&](ProbeInstance& i, const ph_config* c) {
    live = i.host->opt_str(c, probe_live);
    return int{PH_OK};
  };
  REQUIRE(s.reload(s.text("description = \"x\"\n", "live = \"new\"\n")).ok);
  CHECK(live == "new");
  CHECK(s.status("s@127.0.0.2").description == "x");
  CHECK_FALSE(two.ended());
  REQUIRE(s.reload(s.text({}, "fixed = \"other\"\n")).ok);
  REQUIRE(s.until([&] { return two.ended(); }));
  CHECK(probe.count("drain config") == 1);
  CHECK(s.names() == "s ");
  REQUIRE(s.is(SessionState::listening));  // its successor
  two = s.from("127.0.0.2", 2);
  REQUIRE(s.reload(s.text("enabled = false\n", "fixed = \"other\"\n")).ok);
  REQUIRE(s.until([&] { return two.ended(); }));
  CHECK(probe.count("drain down") == 1);
  CHECK(s.names() == "s ");
  REQUIRE(s.reload(s.text({}, "fixed = \"other\"\n")).ok);
  two = s.from("127.0.0.2", 3);
  REQUIRE(s.reload("").ok);
  REQUIRE(s.until([&] { return two.ended(); }));
  CHECK(s.until([&] { return s.names().empty(); }));
}

TEST_CASE("a child that cannot take its options live ends alone") {
  Probe probe;
  Dynamic s(probe);
  FarEnd two = s.from("127.0.0.2", 1);
  FarEnd three = s.from("127.0.0.3", 2);
  const ProbeInstance* first = probe.instances[0].get();
  probe.on_reload = [&](ProbeInstance& i, const ph_config*) {
    return &i == first ? int{PH_ERESTART} : int{PH_OK};
  };
  REQUIRE(s.reload(s.text({}, "live = \"new\"\n")).ok);
  REQUIRE(s.until([&] { return two.ended(); }));
  CHECK(s.until([&] { return s.names() == "s s@127.0.0.3 "; }));
  CHECK_FALSE(three.ended());
}

TEST_CASE("each child has its own app socket, and commands reach all of them") {
  char directory[] = "/tmp/peerhold-dynamic-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string dir = directory;
  {
    Probe probe;
    Dynamic s(probe, "app = \"unix:" + dir + "/{name}.{addr}\"\n");
    CHECK_FALSE(s.status().app_absent);
    const FarEnd two = s.from("127.0.0.2", 1);
    const FarEnd three = s.from("127.0.0.3", 2);
    CHECK(s.status("s@127.0.0.2").app_endpoint == "unix:" + dir + "/s.127.0.0.2");
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    (dir + "/s.127.0.0.3").copy(to.sun_path, sizeof to.sun_path - 1);
    const Fd app(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(connect(app.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    REQUIRE(s.until([&] { return probe.instances[1]->up.contains(1); }));
    CHECK_FALSE(probe.instances[0]->up.contains(1));
    probe.on_command = [](ProbeInstance&, const ph_command& c) {
      c.reply[0] = 'k';
      return int{PH_OK};
    };
    const auto done = s.keeper->command("s", Command::refresh, {});
    REQUIRE(done);
    CHECK(*done == "s@127.0.0.2: k\ns@127.0.0.3: k");
    const auto one = s.keeper->command("s@127.0.0.3", Command::refresh, {});
    REQUIRE(one);
    CHECK(*one == "k");
    Fd ours(dup(app.get()));
    CHECK_FALSE(s.keeper->attach("s", ours, {}));
    CHECK(probe.instances[1]->want_peer(false) == PH_OK);
    CHECK(s.until([&] { return access((dir + "/s.127.0.0.3").c_str(), F_OK) != 0; }));
  }
  rmdir(directory);
}

}  // namespace
}  // namespace peerhold
