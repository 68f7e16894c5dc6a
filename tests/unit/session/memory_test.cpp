// When a session was last established: known to the next keeper on this boot, and to nobody after
// an operator's `down`.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "stage.hpp"

namespace peerhold {
namespace {

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/peerhold-memory-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  bool has(const std::string& name) const {
    return std::filesystem::exists(path + "/established/" + name);
  }
};

struct Marked : Stage {
  Probe& probe;
  FarListener far{"127.0.0.2"};
  FarEnd peer;
  std::string text;
  std::int64_t at_open = -2;
  explicit Marked(Probe& p, const std::string& directory, const std::string& plugin = "probe_says")
      : Stage({&p}), probe(p) {
    marks = directory;
    p.on_open = [this](ProbeInstance& i, const ph_open&) {
      at_open = i.setting(PH_SET_ESTABLISHED_AGO_MS);
      return int{PH_OK};
    };
    text = session(p, "peer = \"" + far.at.to_string() + "\"\nlink = \"persistent\"", {}, plugin);
    start(text);
    REQUIRE(until([&] { return far.accept(peer); }));
    REQUIRE(until([&] { return p.count("up 0") == 1; }));
  }
};

TEST_CASE("the next keeper knows") {
  const Directory dir;
  {
    Probe probe;
    Marked s(probe, dir.path);
    CHECK(s.at_open == -1);
    CHECK_FALSE(dir.has("s"));
    probe.one().established();
    CHECK(dir.has("s"));
    CHECK(probe.one().setting(PH_SET_ESTABLISHED_AGO_MS) == 0);
    s.peer.abort();
    REQUIRE(s.until([&] { return probe.count("down 0") == 1; }));
    CHECK(probe.one().setting(PH_SET_ESTABLISHED_AGO_MS) < 60000);
  }
  {
    Probe probe;
    Marked s(probe, dir.path);
    CHECK(s.at_open >= 0);
    CHECK(s.at_open < 60000);
    CHECK(probe.one().setting(PH_SET_ESTABLISHED_AGO_MS) >= s.at_open);
    probe.one().established();
    REQUIRE(s.keeper->down("s", ""));
    REQUIRE(s.until([&] { return probe.count("close") == 1; }));
    CHECK_FALSE(dir.has("s"));  // also not made again when the link had ended
    REQUIRE(s.keeper->up("s"));
    CHECK(s.at_open == -1);
  }
}

TEST_CASE("a session that leaves the configuration is forgotten; a restart is not leaving") {
  const Directory dir;
  Probe probe;
  Marked s(probe, dir.path);
  probe.one().established();
  REQUIRE(s.reload(s.text + "[session.transport]\nmss = 1000\n").ok);
  REQUIRE(s.until([&] { return probe.count("open") == 2; }));
  CHECK(s.at_open >= 0);
  CHECK(dir.has("s"));
  REQUIRE(s.reload("").ok);
  REQUIRE(s.until([&] { return probe.count("close") == 2; }));
  CHECK(s.until([&] { return !dir.has("s"); }));
}

TEST_CASE("a session without a handshake has no use for it, and a bad directory does no harm") {
  const Directory dir;
  {
    Probe probe;
    const Marked s(probe, dir.path, "probe");
    CHECK(s.status().state == SessionState::established);
    CHECK_FALSE(dir.has("s"));
  }
  Probe probe;
  Marked s(probe, dir.path + "/not/there");
  probe.one().established();
  CHECK(s.status().state == SessionState::established);
  CHECK(probe.one().setting(PH_SET_ESTABLISHED_AGO_MS) == 0);
}

}  // namespace
}  // namespace peerhold
