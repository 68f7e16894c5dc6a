// What the session of one dynamic peer is called and configured as, and when it was established.
#include "keeper/dynamic.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "keeper/established.hpp"

namespace peerhold {
namespace {

Address address(const char* text) {
  return *Address::parse(text);
}

TEST_CASE("a child is its parent for one peer") {
  SessionConfig parent;
  parent.name = "ix";
  parent.mode = Mode::passive;
  parent.peer_prefix = *Prefix::parse("192.0.2.0/24");
  parent.app = *Endpoint::parse("unix:/run/x/{name}/{addr}.{addr}.{nobody}");
  parent.max_dynamic = 7;
  const SessionConfig child = child_config(parent, address("192.0.2.7"));
  CHECK(child.name == "ix@192.0.2.7");
  CHECK(child.peer == (Endpoint{address("192.0.2.7"), 0, {}}));
  CHECK_FALSE(child.peer_prefix);
  CHECK(child.app->path == "/run/x/ix/192.0.2.7.192.0.2.7.{nobody}");
  CHECK_FALSE(child.app_shared);
  CHECK(child_name("ix", address("2001:db8::1")) == "ix@2001:db8::1");
  parent.peer_prefix = *Prefix::parse("2001:db8::/64");
  CHECK(child_config(parent, address("2001:db8::1")).app->path ==
        "/run/x/ix/2001:db8::1.2001:db8::1.{nobody}");
  // No more than one pass: a name is not read again.
  CHECK(expand_app_path("{name}{addr}", "{addr}", "x") == "{addr}x");
  parent.app = *Endpoint::parse("127.0.0.1:179");
  CHECK(child_config(parent, address("2001:db8::1")).app == parent.app);
  CHECK(child_config(parent, address("2001:db8::1")).app_shared);
}

struct Place {
  std::string path;
  Place() {
    char name[] = "/tmp/peerhold-marks-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  void age(const std::string& session, time_t seconds) const {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const timespec then[2] = {{now.tv_sec - seconds, 0}, {now.tv_sec - seconds, 0}};
    REQUIRE(utimensat(AT_FDCWD, (path + "/established/" + session).c_str(), then, 0) == 0);
  }
};

TEST_CASE("marks") {
  const Place place;
  Log log(2);
  EstablishedFiles files(place.path, log);
  CHECK_FALSE(files.ago("edge1"));
  files.mark("edge1");
  REQUIRE(files.ago("edge1"));
  CHECK(*files.ago("edge1") < std::chrono::minutes(1));
  timespec up{};
  clock_gettime(CLOCK_BOOTTIME, &up);
  REQUIRE(up.tv_sec > 5);
  place.age("edge1", 3);
  CHECK(*files.ago("edge1") >= std::chrono::seconds(2));
  CHECK(*files.ago("edge1") < std::chrono::minutes(1));
  place.age("edge1", up.tv_sec + 10);  // before this boot
  CHECK_FALSE(files.ago("edge1"));
  place.age("edge1", -100);  // the clock was set back
  CHECK_FALSE(files.ago("edge1"));
  files.mark("ix@2001:db8::1");
  CHECK(EstablishedFiles(place.path, log).ago("ix@2001:db8::1"));
  files.forget("ix@2001:db8::1");
  CHECK_FALSE(files.ago("ix@2001:db8::1"));
  files.forget("nobody");
}

TEST_CASE("no mark is made outside of its directory, nor through a link") {
  const Place place;
  Log log(2);
  EstablishedFiles files(place.path, log);
  for (const char* name : {"../out", "a/b", ".hidden", "..", "", "a b"}) {
    files.mark(name);
    CHECK_FALSE(files.ago(name));
  }
  CHECK_FALSE(std::filesystem::exists(place.path + "/out"));
  files.mark("a");
  REQUIRE(symlink((place.path + "/target").c_str(), (place.path + "/established/link").c_str()) ==
          0);
  files.mark("link");
  CHECK_FALSE(std::filesystem::exists(place.path + "/target"));
  CHECK_FALSE(files.ago("link"));
}

}  // namespace
}  // namespace peerhold
