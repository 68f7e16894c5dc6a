// plugin.hpp: what a class has becomes callbacks, what it throws becomes a reason and a status.
#include <doctest/doctest.h>
#include <peerhold/plugin.hpp>

#include <string>

struct ph_instance {
  std::string failed;
};

namespace {

struct Least {
  Least(ph::Host, const ph_open&) {}
  std::ptrdiff_t on_data(ph_link, ph::Bytes data) {
    return static_cast<std::ptrdiff_t>(data.size());
  }
};

struct Throwing {
  Throwing(ph::Host, const ph_open& how) {
    if (how.instances > 1) throw ph::Error(PH_RESOURCE, "too many", PH_ENOMEM);
  }
  std::ptrdiff_t on_data(ph_link, ph::Bytes) { throw std::bad_alloc(); }
  void on_up(ph_link link, const ph_link_info&) {
    if (link != PH_PEER) throw ph::Error(PH_FRAMING, "not you", PH_EPROTO, PH_RETRY_SLOW);
  }
  void on_eof(ph_link) { throw std::runtime_error("broken"); }
  void on_writable(ph_link) { throw 1; }
  void on_down(ph_link, const ph_down&) {}
  void on_timer(std::uint32_t) {}
  void on_wake() {}
  int reload(const ph_config*) { return PH_ERESTART; }
  void drain(const ph_drain&) {}
  std::string save() { return "state"; }
  std::string status() const { return "{}"; }
  static void check(const ph::Config&, const ph_open&) { throw 1; }
  void report(ph_report& out) const { out.held = 5; }
  int command(const ph_command& c, std::string& reply) {
    reply = std::string(c.what == PH_CMD_HOLD ? 400 : 3, 'r');
    return c.what == PH_CMD_HOLD ? PH_OK : PH_ENOTSUP;
  }
  static int pick(ph::Configs, ph::Bytes data, std::span<std::uint8_t, 64> reply,
                  std::size_t& used) {
    if (data.empty()) throw 1;
    reply[0] = data[0];
    used = 1;
    return PH_EPROTO;
  }
};

constinit const ph_plugin least = ph::plugin<Least>({"least", "1", "s", "MIT"});
constinit const ph_plugin throwing = ph::plugin<Throwing>({"throwing", "1", "s", "MIT"});

ph_host host() {
  ph_host h{};
  h.struct_size = sizeof h;
  h.fail = [](ph_instance* me, ph_cause cause, ph_retry retry, const char* text) {
    me->failed = std::to_string(cause) + "/" + std::to_string(retry) + " " + text;
  };
  return h;
}

}  // namespace

TEST_CASE("what a class does not have is NULL") {
  const bool any = least.check || least.on_up || least.on_eof || least.on_writable ||
                   least.on_down || least.on_timer || least.on_wake || least.reload ||
                   least.drain || least.save || least.status || least.pick || least.report ||
                   least.command;
  CHECK_FALSE(any);
  CHECK(least.struct_size == sizeof(ph_plugin));
  CHECK(least.abi_major == PH_ABI_MAJOR);
}

TEST_CASE("exceptions become a reason and a status") {
  const auto h = host();
  ph_instance me;
  ph_open how{};
  void* self = nullptr;
  how.instances = 2;
  CHECK(throwing.open(&h, &me, &how, &self) == PH_ENOMEM);
  CHECK(me.failed == std::to_string(PH_RESOURCE) + "/0 too many");
  CHECK(self == nullptr);
  how.instances = 1;
  REQUIRE(throwing.open(&h, &me, &how, &self) == PH_OK);
  CHECK(throwing.on_data(self, PH_PEER, nullptr, 0) == PH_ENOMEM);
  CHECK(me.failed == std::to_string(PH_RESOURCE) + "/0 on_data: out of memory");
  const ph_link_info info{};
  CHECK(throwing.on_up(self, PH_PEER, &info) == PH_OK);
  CHECK(throwing.on_up(self, 1, &info) == PH_EPROTO);
  CHECK(me.failed == std::to_string(PH_FRAMING) + "/1 not you");
  throwing.on_eof(self, PH_PEER);
  CHECK(me.failed == std::to_string(PH_INTERNAL) + "/0 on_eof: broken");
  throwing.on_writable(self, PH_PEER);
  CHECK(me.failed.find("on_writable: ") != std::string::npos);
  CHECK(throwing.reload(self, nullptr) == PH_ERESTART);
  const ph_drain why{};
  CHECK(throwing.drain(self, &why) == PH_OK);
  CHECK(throwing.check(&h, &how) == PH_EINVAL);
  throwing.close(self);
}

TEST_CASE("a report is filled in, a reply is cut to its room") {
  const auto h = host();
  ph_instance me;
  ph_open how{};
  void* self = nullptr;
  REQUIRE(throwing.open(&h, &me, &how, &self) == PH_OK);
  ph_report out{};
  CHECK(throwing.report(self, &out) == PH_OK);
  CHECK(out.held == 5);
  char room[256] = "";
  const ph_command hold{sizeof(ph_command), PH_CMD_HOLD, 1000, room, sizeof room};
  CHECK(throwing.command(self, &hold) == PH_OK);
  CHECK(std::string(room) == std::string(255, 'r'));
  const ph_command release{sizeof(ph_command), PH_CMD_RELEASE, 0, room, sizeof room};
  CHECK(throwing.command(self, &release) == PH_ENOTSUP);
  CHECK(std::string(room) == "rrr");
  throwing.close(self);
}

TEST_CASE("an older host offers less") {
  auto h = host();
  h.struct_size = offsetof(ph_host, buffer);
  ph_instance me;
  const ph::Host older(&h, &me);
  CHECK(older.buffer(PH_PEER, 1) == PH_ENOTSUP);
  CHECK(older.user_timeout(PH_PEER, 1) == PH_ENOTSUP);
  CHECK(older.setting(PH_SET_BUFFER) == -1);
}

TEST_CASE("text goes out by the rule of sizes; pick reaches the class") {
  const auto h = host();
  ph_instance me;
  ph_open how{};
  void* self = nullptr;
  REQUIRE(throwing.open(&h, &me, &how, &self) == PH_OK);
  char small[2] = {'x', 'x'}, large[8] = {};
  CHECK(throwing.save(self, small, sizeof small) == 5);
  CHECK(small[0] == 'x');
  CHECK(throwing.save(self, large, sizeof large) == 5);
  CHECK(std::string(large) == "state");
  throwing.close(self);

  std::uint8_t reply[64], data = 9;
  std::size_t used = 0;
  CHECK(throwing.pick(&h, nullptr, 0, &data, 1, reply, &used) == PH_EPROTO);
  CHECK(used == 1);
  CHECK(reply[0] == 9);
  CHECK(throwing.pick(&h, nullptr, 0, &data, 0, reply, &used) == PH_EINVAL);
}
