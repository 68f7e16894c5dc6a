// raw through its descriptor, as the core calls it, on a host that writes down what it is asked
// for.
#include <doctest/doctest.h>
#include <peerhold/plugin.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

struct ph_instance {
  std::vector<std::string> said;
  std::map<std::string, std::int64_t> numbers{{"max_clients", 1024}, {"idle_timeout", -1}};
  std::map<ph_link, ph_link_info> links;
  std::size_t room = SIZE_MAX;
  bool splices = true;
  std::int64_t armed = -1;

  std::vector<std::string> take() { return std::exchange(said, {}); }
};
struct ph_config {
  ph_instance* host;
};

namespace {

using Said = std::vector<std::string>;
const ph_plugin& raw_plugin = peerhold_plugin_1;

std::string name(ph_link link) {
  return link == PH_PEER ? "peer" : "app" + std::to_string(link);
}

ph_host table() {
  ph_host h{};
  h.struct_size = sizeof h;
  h.send = [](ph_instance* me, ph_link to, const void*, std::size_t n) -> std::ptrdiff_t {
    const auto taken = std::min(n, me->room);
    me->said.push_back("send " + std::to_string(taken) + " " + name(to));
    return static_cast<std::ptrdiff_t>(taken);
  };
  h.send_whole = [](ph_instance* me, ph_link to, const void* data,
                    std::size_t n) -> std::ptrdiff_t {
    if (n > me->room) return 0;
    me->said.push_back((std::memcmp(data, "\r\n\r\n\0\r\nQUIT\n", 12) == 0 ? "header " : "whole ") +
                       std::to_string(n) + " " + name(to));
    return static_cast<std::ptrdiff_t>(n);
  };
  h.send_eof = [](ph_instance* me, ph_link to) {
    me->said.push_back("eof " + name(to));
    return int{PH_OK};
  };
  h.close = [](ph_instance* me, ph_link link, bool abort) {
    me->said.push_back((abort ? "abort " : "close ") + name(link));
    return int{PH_OK};
  };
  h.read_pause = [](ph_instance* me, ph_link link, bool pause) {
    me->said.push_back((pause ? "pause " : "offer ") + name(link));
    return int{PH_OK};
  };
  h.splice = [](ph_instance* me, ph_link a, ph_link b, std::uint32_t flags) {
    if (!me->splices) return int{PH_ENOTSUP};
    me->said.push_back("splice " + name(a) + " " + name(b) +
                       (flags == PH_SPLICE_EOF ? " eof" : ""));
    return int{PH_OK};
  };
  h.fail = [](ph_instance* me, ph_cause cause, ph_retry, const char*) {
    me->said.push_back("fail " + std::to_string(cause));
  };
  h.link_info = [](ph_instance* me, ph_link link, ph_link_info* out) {
    if (me->links.count(link) == 0) return int{PH_ENOLINK};
    *out = me->links[link];
    return int{PH_OK};
  };
  h.timer = [](ph_instance* me, std::uint32_t, std::int64_t ms) {
    me->armed = ms;
    return int{PH_OK};
  };
  h.log = [](ph_instance* me, ph_log, const char*) { me->said.push_back("log"); };
  h.metric = [](ph_instance* me, std::uint32_t index, const char*, std::int64_t) {
    me->said.push_back(std::string("metric ") + raw_plugin.metrics[index].name);
  };
  h.opt_int = [](const ph_config* c, std::uint32_t option) {
    return c->host->numbers[raw_plugin.options[option].name];
  };
  return h;
}

struct Running {
  ph_instance host;
  ph_config config{&host};
  const ph_host functions = table();
  void* self = nullptr;

  int open(bool persistent, std::uint32_t instances = 1) {
    ph_open how{};
    how.struct_size = sizeof how;
    how.session = "s";
    how.persistent = persistent;
    how.instances = instances;
    how.config = &config;
    return raw_plugin.open(&functions, &host, &how, &self);
  }
  ~Running() {
    if (self) raw_plugin.close(self);
  }
  Said up(ph_link link, std::uint32_t flags = 0) {
    ph_link_info info{};
    info.struct_size = sizeof info;
    info.text = "192.0.2.1:1";
    info.flags = flags;
    info.remote = {4, 0, 41000, {192, 0, 2, 1}};
    info.local = {4, 0, 179, {192, 0, 2, 2}};
    host.links[link] = info;
    CHECK(raw_plugin.on_up(self, link, &info) == PH_OK);
    return host.take();
  }
  std::ptrdiff_t data(ph_link link, std::size_t n) {
    const std::vector<std::uint8_t> bytes(n);
    return raw_plugin.on_data(self, link, bytes.data(), n);
  }
  Said down(ph_link link, ph_cause cause, std::uint64_t unsent = 0) {
    const ph_down why{sizeof why, static_cast<std::uint32_t>(cause), "", unsent};
    host.links.erase(link);
    raw_plugin.on_down(self, link, &why);
    return host.take();
  }
  std::string status() {
    char text[1024];
    const auto n = raw_plugin.status(self, text, sizeof text);
    return {text, static_cast<std::size_t>(n)};
  }
};

}  // namespace

TEST_CASE("a pair is spliced, with its FINs when per-client") {
  Running client, kept;
  CHECK(client.open(false) == PH_OK);
  CHECK(client.up(1) == Said{});
  CHECK(client.up(PH_PEER) == Said{"splice peer app1 eof"});
  CHECK(client.status().find("\"spliced\": true") != std::string::npos);
  CHECK(client.down(PH_PEER, PH_PEER_RESET) == Said{"abort app1"});

  CHECK(kept.open(true) == PH_OK);
  kept.up(PH_PEER);
  CHECK(kept.up(1) == Said{"splice peer app1"});
}

TEST_CASE("where there is no splice, bytes go by send, as many as find room") {
  Running run;
  run.host.splices = false;
  run.open(false);
  run.up(PH_PEER);
  CHECK(run.data(PH_PEER, 10) == 0);
  CHECK(run.host.take() == Said{});
  CHECK(run.up(1) == Said{});
  CHECK(run.data(PH_PEER, 10) == 10);
  CHECK(run.host.take() == Said{"send 10 app1"});
  run.host.room = 4;
  CHECK(run.data(1, 10) == 4);
  raw_plugin.on_eof(run.self, 1);
  CHECK(run.host.take() == Said{"send 4 peer"});
  run.host.room = 6;
  CHECK(run.data(1, 6) == 6);
  CHECK(run.host.take() == Said{"send 6 peer", "eof peer"});
  CHECK(run.status().find("\"spliced\": false") != std::string::npos);
}

TEST_CASE("max_clients: one more is refused with its reason") {
  Running run;
  run.host.numbers["max_clients"] = 3;
  CHECK(run.open(false, 4) == PH_ENOMEM);
  CHECK(run.self == nullptr);
  CHECK(run.host.take() == Said{"fail " + std::to_string(PH_RESOURCE)});
  CHECK(run.open(false, 3) == PH_OK);
}

TEST_CASE(
    "persistent: one app at a time; whoever comes second is closed, counted, and rarely logged") {
  Running run;
  run.open(true);
  run.up(PH_PEER);
  run.up(1);
  const Said refused{"close app2", "metric refused_apps_total", "log"};
  CHECK(run.up(2) == refused);
  CHECK(run.down(2, PH_ADMIN) == Said{});
  run.up(3);
  CHECK(run.up(4) == Said{"close app4", "metric refused_apps_total"});
  CHECK(run.status().find("\"refused_apps\": 3") != std::string::npos);
  CHECK(run.down(1, PH_PEER_CLOSED) == Said{});
  CHECK(run.up(5) == Said{"splice peer app5"});
}

TEST_CASE("persistent: a place is free as soon as the app has detached") {
  Running run;
  run.host.splices = false;
  run.open(true);
  run.up(PH_PEER);
  run.up(1);
  raw_plugin.on_eof(run.self, 1);
  CHECK(run.host.take() == Said{"close app1"});
  run.up(2);
  CHECK(run.down(1, PH_ADMIN) == Said{});
  CHECK(run.data(PH_PEER, 5) == 5);
  CHECK(run.host.take() == Said{"send 5 app2"});
  CHECK(run.down(PH_PEER, PH_PEER_CLOSED, 7) == Said{"abort app2"});
}

TEST_CASE("what was held before a splice is the host's: it does not stand in the way of the end") {
  for (const bool splices : {true, false}) {
    Running run;
    run.host.splices = splices;
    run.open(true);
    run.up(PH_PEER);
    CHECK(run.data(PH_PEER, 100) == 0);
    run.up(1);
    raw_plugin.on_eof(run.self, PH_PEER);
    // Without a splice the bytes come by on_data first.
    const auto over = "fail " + std::to_string(PH_PEER_CLOSED);
    CHECK(run.host.take() == (splices ? Said{over} : Said{}));
    if (!splices) {
      CHECK(run.data(PH_PEER, 100) == 100);
      CHECK(run.host.take() == Said{"send 100 app1", over});
    }
    CHECK(run.down(PH_PEER, PH_PEER_CLOSED) == Said{"close app1"});
  }
}

TEST_CASE("on_app_loss = reset") {
  Running run;
  run.host.numbers["on_app_loss"] = 1;
  run.open(true);
  run.up(PH_PEER);
  run.up(1);
  CHECK(run.down(1, PH_PEER_RESET) == Said{"fail " + std::to_string(PH_APP_UNREACHABLE)});
}

TEST_CASE("the PROXY header comes first, even when there is no room at once") {
  Running run;
  run.host.numbers["proxy_protocol"] = 1;
  run.open(false);
  run.up(PH_PEER);
  run.data(PH_PEER, 3);
  CHECK(run.up(1, PH_LINK_OUTGOING) ==
        Said{"header 28 app1", "offer peer", "splice peer app1 eof"});

  Running full;
  full.host.numbers["proxy_protocol"] = 1;
  full.host.room = 0;
  full.open(false);
  full.up(PH_PEER);
  CHECK(full.up(1, PH_LINK_OUTGOING) == Said{});
  CHECK(full.data(PH_PEER, 3) == 0);
  full.host.room = 100;
  CHECK(full.host.take() == Said{});
  raw_plugin.on_writable(full.self, 1);
  CHECK(full.host.take() == Said{"header 28 app1", "offer peer", "splice peer app1 eof"});
}

TEST_CASE("idle_timeout: re-armed while something moves, then both ends are closed") {
  Running run;
  run.host.numbers["idle_timeout"] = 1000;
  run.open(false);
  run.up(PH_PEER);
  CHECK(run.host.armed == 1000);
  run.up(1);
  run.host.links[PH_PEER].idle_ms = 5000;
  run.host.links[1].idle_ms = 300;
  raw_plugin.on_timer(run.self, 0);
  CHECK(run.host.armed == 700);
  CHECK(run.host.take() == Said{});
  run.host.links[1].idle_ms = 1000;
  run.host.links[1].unsent = 1;
  raw_plugin.on_timer(run.self, 0);
  CHECK(run.host.take() == Said{"close peer", "abort app1", "metric idle_closed_total"});

  Running never;
  never.open(false);
  never.up(PH_PEER);
  CHECK(never.host.armed == -1);
}

TEST_CASE("persistent: idle_timeout frees the app's place and leaves the link alone") {
  Running run;
  run.host.numbers["idle_timeout"] = 1000;
  run.open(true);
  run.up(PH_PEER);
  CHECK(run.host.armed == -1);
  run.up(1);
  run.host.links[PH_PEER].idle_ms = run.host.links[1].idle_ms = 2000;
  raw_plugin.on_timer(run.self, 0);
  CHECK(run.host.take() == Said{"close app1", "metric idle_closed_total"});
}

TEST_CASE("reload takes every option live") {
  Running run;
  run.open(true);
  run.up(PH_PEER);
  run.up(1);
  run.host.numbers["idle_timeout"] = 200;
  run.host.numbers["on_app_loss"] = 1;
  CHECK(raw_plugin.reload(run.self, &run.config) == PH_OK);
  CHECK(run.host.armed == 200);
  CHECK(run.down(1, PH_PEER_RESET) == Said{"fail " + std::to_string(PH_APP_UNREACHABLE)});
}
