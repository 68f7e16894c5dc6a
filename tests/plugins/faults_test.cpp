// What a loaded plugin does wrong in a call is contained: a fault in words, and a neutral answer.
#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loading.hpp"
#include "plugin/instance.hpp"

using namespace peerhold;

namespace {

struct OnDisk {
  PluginDir dir;
  std::unique_ptr<Library> library;
  int fd = ::memfd_create("log", 0);
  Log log{fd, LogFormat::text, Level::info};
  std::string session = "edge1";
  ph_host host{};
  ph_open how{};

  explicit OnDisk(const std::string& name) {
    auto loaded = dir.load(name);
    REQUIRE_MESSAGE(loaded, loaded.error().text);
    library = std::move(*loaded);
    how.struct_size = sizeof how;
    how.session = session.c_str();
  }
  ~OnDisk() { ::close(fd); }
  std::string logged() const {
    std::string text(16384, '\0');
    const auto n = ::pread(fd, text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }
};

struct Running : OnDisk {
  Instance instance{*library, nullptr, session, log};

  explicit Running(const std::string& name) : OnDisk(name) {
    CHECK(instance.open(host, how) == PH_OK);
    CHECK(instance.take_fault() == "");
  }
  std::ptrdiff_t data(std::uint8_t first) {
    const std::uint8_t bytes[] = {first, 0, 0, 0};
    return instance.on_data(PH_PEER, bytes);
  }
};

bool tells(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the control does nothing wrong") {
  Running run("good");
  CHECK(run.data(1) == 4);
  run.instance.on_eof(PH_PEER);
  run.instance.on_writable(PH_PEER);
  run.instance.on_down(PH_PEER, ph_down{});
  run.instance.on_timer(1);
  run.instance.on_wake();
  CHECK(run.instance.on_up(PH_PEER, ph_link_info{}) == PH_OK);
  CHECK(run.instance.reload(nullptr) == PH_ERESTART);
  CHECK_FALSE(run.instance.has_drain());
  CHECK(run.instance.drain(ph_drain{}) == PH_ENOTSUP);
  CHECK(run.instance.status() == "{}");  // after it asked for more room
  run.instance.close();
  CHECK_FALSE(run.instance.is_open());
  CHECK(run.instance.take_fault() == "");
  CHECK(run.logged() == "");
}

TEST_CASE("an exception out of a callback is a fault that names the callback") {
  {
    OnDisk loaded("throws");
    loaded.session = "open";
    loaded.how.session = loaded.session.c_str();
    Instance refused(*loaded.library, nullptr, loaded.session, loaded.log);
    CHECK(refused.open(loaded.host, loaded.how) == PH_EINVAL);
    CHECK_FALSE(refused.is_open());
    CHECK(tells(refused.take_fault(),
                "plugin \"throws\": open() let an exception out: thrown in open"));
  }
  Running run("throws");
  auto& i = run.instance;
  const auto fault = [&](const std::string& callback, const std::string& words) {
    const auto text = i.take_fault();
    CHECK_MESSAGE(tells(text, callback + "() let an exception out: " + words), text);
    CHECK(i.take_fault() == "");
  };
  CHECK(i.reload(nullptr) == PH_EINVAL);
  fault("reload", "thrown in reload");
  CHECK(i.has_drain());
  CHECK(i.drain(ph_drain{}) == PH_EINVAL);
  fault("drain", "thrown in drain");
  CHECK(i.on_up(PH_PEER, ph_link_info{}) == PH_EINVAL);
  fault("on_up", "thrown in on_up");
  CHECK(run.data(0) == 0);
  fault("on_data", "thrown in on_data");
  i.on_eof(PH_PEER);
  fault("on_eof", "not a std::exception");
  i.on_writable(PH_PEER);
  fault("on_writable", "thrown");
  i.on_down(PH_PEER, ph_down{});
  fault("on_down", "thrown");
  i.on_timer(0);
  fault("on_timer", "thrown");
  i.on_wake();
  fault("on_wake", "thrown");
  CHECK(i.status() == "{}");
  fault("status", "thrown");
  i.close();
  fault("close", "thrown");
}

TEST_CASE("the first fault is the one that is told") {
  Running run("throws");
  run.instance.on_timer(0);
  run.instance.on_wake();
  CHECK(tells(run.instance.take_fault(), "on_timer()"));
}

TEST_CASE("answers out of range are faults; a ph_status is not") {
  Running run("lies");
  CHECK(run.data(0) == 4);
  CHECK(run.data(5) == PH_EPROTO);
  CHECK(run.instance.take_fault() == "");
  const char* answers[] = {"5 of 4", "9223372036854775807", "-1000", "-9223372036854775808"};
  for (std::uint8_t lie = 1; lie <= 4; ++lie) {
    CHECK(run.data(lie) == 0);
    const auto text = run.instance.take_fault();
    CHECK_MESSAGE(tells(text, std::string("on_data() says that it consumed ") + answers[lie - 1]),
                  text);
  }
  CHECK(run.instance.on_up(1, ph_link_info{}) == PH_OK);
  CHECK(run.instance.on_up(7, ph_link_info{}) == PH_EINVAL);
  CHECK(tells(run.instance.take_fault(), "on_up() answered 7, which is no ph_status"));
  CHECK(run.instance.reload(nullptr) == PH_EINVAL);
  CHECK(tells(run.instance.take_fault(), "reload() answered -4000"));
}

TEST_CASE("a status that is no JSON object costs the answer, not the session") {
  Running run("lies");
  for (int i = 0; i < 7; ++i) CHECK(run.instance.status() == "{}");
  CHECK(run.instance.take_fault() == "");
  const auto log = run.logged();
  CHECK(tells(log, "event=plugin-misbehaving"));
  CHECK(log.find("plugin-misbehaving") == log.rfind("plugin-misbehaving"));  // once a second
}

TEST_CASE("a callback that blocks the loop is logged, not for every call") {
  Running run("blocks");
  for (int i = 0; i < 3; ++i) CHECK(run.data(0) == 4);
  CHECK(run.instance.take_fault() == "");
  const auto log = run.logged();
  CHECK_MESSAGE(tells(log, "event=plugin-slow"), log);
  CHECK(tells(log, "session=edge1"));
  CHECK(tells(log, "on_data()"));
  CHECK(log.find("plugin-slow") == log.rfind("plugin-slow"));
}
