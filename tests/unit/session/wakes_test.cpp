// on_data's rule of plugin.h: held input is offered again, once, when (a) more has arrived, (b) a
// link whose send fell short in that callback has room, (c) a link of the instance came up, (d)
// read_pause(false) was called; never otherwise. Each alone.
#include "stage.hpp"

namespace peerhold {
namespace {

// Consumes nothing.
std::ptrdiff_t hold(ProbeInstance&, ph_link, std::string_view) {
  return 0;
}

// Fills a link that nobody reads until a send falls short.
void fill(ProbeInstance& of, ph_link link) {
  const std::string block(65536, 'f');
  for (int i = 0; i < 10000; ++i)
    if (of.send(link, block) < static_cast<std::ptrdiff_t>(block.size())) return;
  FAIL_CHECK("a link that nobody reads takes everything");
}

TEST_CASE("(a) more has arrived") {
  Probe probe;
  probe.on_data = hold;
  OneSession s(probe);
  s.peer.write("ab");
  REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
  s.turn();
  CHECK(probe.count("data 0 ab") == 1);
  CHECK(probe.count("data 0") == 1);
  s.peer.write("c");
  REQUIRE(s.until([&] { return probe.count("data 0") == 2; }));
  s.turn();
  CHECK(probe.all() == "open, up 0, data 0 ab, data 0 abc");
}

TEST_CASE("(b) a link whose send fell short has room") {
  for (const bool whole : {false, true}) {
    CAPTURE(whole);
    Probe probe;
    std::ptrdiff_t sent = -1;
    OneSession s(probe, "[session.transport]\nbuffer = \"64KiB\"\n");
    FarEnd app = s.app(1);
    fill(probe.one(), 1);
    probe.seen.clear();
    probe.on_data = [&](ProbeInstance& i, ph_link, std::string_view bytes) {
      return sent = whole ? i.send_whole(1, bytes) : i.send(1, bytes);
    };
    s.peer.write("late");
    REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
    CHECK(sent == 0);
    s.turn();
    CHECK(probe.all() == "data 0 late");
    // The app reads: there is room, it is told once, and the input is offered once.
    REQUIRE(s.until([&] {
      app.read();
      return probe.count("data 0") == 2;
    }));
    REQUIRE(s.until([&] { return app.read(), app.got.ends_with("late"); }));
    s.turn();
    CHECK(probe.all() == "data 0 late, writable 1, data 0 late");
    CHECK(sent == 4);
  }
}

TEST_CASE(
    "(b) is about the callback that held the input: a send that fell short elsewhere wakes none") {
  Probe probe;
  probe.on_data = hold;
  OneSession s(probe, "[session.transport]\nbuffer = \"64KiB\"\n");
  FarEnd app = s.app(1);
  s.peer.write("held");
  REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
  fill(probe.one(), 1);
  REQUIRE(s.until([&] {
    app.read();
    return probe.count("writable 1") == 1;
  }));
  s.turn();
  CHECK(probe.count("data 0") == 1);
}

TEST_CASE("(c) a link of the instance came up: an app") {
  Probe probe;
  probe.on_data = hold;
  OneSession s(probe);
  s.peer.write("held");
  REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
  const FarEnd app = s.app(1);
  s.turn();
  CHECK(probe.all() == "open, up 0, data 0 held, up 1, data 0 held");
}

TEST_CASE("(c) a link of the instance came up: the peer, whose absence made the send fall short") {
  Probe probe;
  OneSession s(probe);
  s.peer.abort();
  REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
  probe.on_data = [](ProbeInstance& i, ph_link, std::string_view bytes) {
    return i.send(PH_PEER, bytes);
  };
  s.far.fd.reset();  // not again, for now
  FarEnd app = s.app(1);
  probe.seen.clear();
  app.write("held");
  REQUIRE(s.until([&] { return probe.count("data 1") == 1; }));
  s.turn();
  CHECK(probe.count("data 1") == 1);
  // More of it is offered as it comes; it is not lost while nobody is there.
  app.write("+more");
  REQUIRE(s.until([&] { return probe.count("data 1") == 2; }));
  FarListener again("127.0.0.2", s.far.at.port);
  REQUIRE(s.until([&] { return again.accept(s.peer); }));
  REQUIRE(s.until([&] { return s.peer.read(), s.peer.got == "held+more"; }));
  s.turn();
  CHECK(probe.all() == "data 1 held, data 1 held+more, up 0, data 1 held+more");
}

TEST_CASE("(d) read_pause(false)") {
  Probe probe;
  probe.on_data = hold;
  OneSession s(probe);
  s.peer.write("held");
  REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
  // Without a pause before it too.
  CHECK(probe.one().pause(PH_PEER, false) == PH_OK);
  s.turn();
  CHECK(probe.count("data 0") == 2);
  CHECK(probe.one().pause(PH_PEER, true) == PH_OK);
  s.peer.write("+more");
  s.turn();
  CHECK(probe.count("data 0") == 2);  // paused: not even for more
  CHECK(probe.one().pause(PH_PEER, false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("data 0 held+more") >= 1; }));
  // Held input and what came behind it may be two offers, never more.
  s.turn();
  CHECK(probe.count("data 0") <= 4);
  probe.seen.clear();
  s.turn();
  CHECK(probe.all().empty());
}

TEST_CASE("(d) from inside on_data itself: offered again later, not from inside the call") {
  Probe probe;
  int left = 3;
  probe.on_data = [&](ProbeInstance& i, ph_link link, std::string_view bytes) -> std::ptrdiff_t {
    if (left-- == 0) return static_cast<std::ptrdiff_t>(bytes.size());
    i.pause(link, true);
    i.pause(link, false);
    return 0;
  };
  OneSession s(probe);
  s.peer.write("x");
  REQUIRE(s.until([&] { return probe.count("data 0 x") == 4; }));
  s.turn();
  CHECK(probe.count("data 0") == 4);
}

TEST_CASE("nothing else offers held input again") {
  Probe probe;
  probe.on_data = [](ProbeInstance&, ph_link link, std::string_view bytes) {
    return link == 0 ? std::ptrdiff_t{0} : static_cast<std::ptrdiff_t>(bytes.size());
  };
  OneSession s(probe);
  FarEnd app = s.app(1);
  s.peer.write("held");
  REQUIRE(s.until([&] { return probe.count("data 0") == 1; }));
  const auto still_one = [&](const char* after) {
    s.turn();
    CAPTURE(after);
    CAPTURE(probe.all());
    CHECK(probe.count("data 0") == 1);
  };
  CHECK(probe.one().timer(2, 0) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("timer 2") == 1; }));
  still_one("a timer");
  probe.one().wake();
  REQUIRE(s.until([&] { return probe.count("wake") == 1; }));
  still_one("a wake");
  CHECK(s.status().plugin_status == "{}");
  still_one("status");
  CHECK(probe.one().send(PH_PEER, "out") == 3);
  CHECK(probe.one().send(1, "out") == 3);
  still_one("sends that are taken whole");
  app.write("in");
  REQUIRE(s.until([&] { return probe.count("data 1") == 1; }));
  still_one("input of another link");
  CHECK(probe.one().pause(1, true) == PH_OK);
  CHECK(probe.one().pause(1, false) == PH_OK);
  still_one("read_pause of another link");
  app.finish();
  REQUIRE(s.until([&] { return probe.count("eof 1") == 1; }));
  still_one("the end of file of another link");
  CHECK(probe.one().close(1, false) == PH_OK);
  REQUIRE(s.until([&] { return probe.count("down 1") == 1; }));
  still_one("the end of another link");
  CHECK(s.reload(Stage::session(probe, s.lines, "live = \"x\"")).ok);
  CHECK(probe.count("reload") == 1);
  still_one("reload");
  // Its own end of file is told, with the input still held; a wake offers it on.
  s.peer.finish();
  REQUIRE(s.until([&] { return probe.count("eof 0") == 1; }));
  still_one("its own end of file");
  CHECK(probe.one().pause(PH_PEER, false) == PH_OK);
  s.turn();
  CHECK(probe.count("data 0 held") == 2);
  CHECK(probe.count("eof 0") == 1);
}

TEST_CASE("held input keeps its order, whatever part is consumed") {
  Probe probe;
  std::string taken;
  std::mt19937 random(7);
  probe.on_data = [&](ProbeInstance&, ph_link, std::string_view bytes) {
    const std::size_t n = random() % (bytes.size() + 1);
    taken += bytes.substr(0, n);
    return static_cast<std::ptrdiff_t>(n);
  };
  probe.keep_data = false;
  OneSession s(probe);
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const auto block = random_bytes(1 + random() % 3000, random());
    const std::string text(block.begin(), block.end());
    sent += text;
    s.peer.write(text);
    s.turn(3);
  }
  for (int i = 0; i < 60 && taken.size() < sent.size(); ++i) {
    probe.one().pause(PH_PEER, false);
    s.turn(20);
  }
  CHECK(taken == sent);
}

}  // namespace
}  // namespace peerhold
