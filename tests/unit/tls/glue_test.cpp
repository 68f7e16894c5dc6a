// tls through its descriptor, as the core calls it, on a host that writes down what it is asked
// for.
#include <doctest/doctest.h>
#include <peerhold/plugin.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hellos.hpp"

struct ph_config {
  std::map<std::string, std::int64_t> numbers;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<std::string>> lists;
  std::vector<ph_config> routes;
  mutable std::vector<std::string> complaints;
};
struct ph_instance {
  std::vector<std::string> said;
  std::string sent;  // to apps, and alerts
  std::vector<std::string> take() { return std::exchange(said, {}); }
};

namespace {

using namespace tls::test;
using Said = std::vector<std::string>;
const ph_plugin& plugin = peerhold_plugin_1;

std::string name(ph_link link) {
  return link == PH_PEER ? "peer" : "app" + std::to_string(link);
}

const ph_option& option_of(const ph_config* c, std::uint32_t index) {
  return c->lists.contains("sni") ? plugin.options[3].fields[index] : plugin.options[index];
}

ph_host table() {
  ph_host h{};
  h.struct_size = sizeof h;
  h.send = [](ph_instance* me, ph_link to, const void* data, std::size_t n) -> std::ptrdiff_t {
    me->said.push_back("send " + std::to_string(n) + " " + name(to));
    me->sent.append(static_cast<const char*>(data), n);
    return static_cast<std::ptrdiff_t>(n);
  };
  h.send_whole = h.send;
  h.send_eof = [](ph_instance* me, ph_link to) { return me->said.push_back("eof " + name(to)), 0; };
  h.close = [](ph_instance* me, ph_link link, bool abort) {
    return me->said.push_back((abort ? "abort " : "close ") + name(link)), 0;
  };
  h.read_pause = [](ph_instance* me, ph_link link, bool) {
    return me->said.push_back("offer " + name(link)), 0;
  };
  h.dial = [](ph_instance* me, const char* to, std::uint32_t, ph_link* out) {
    me->said.push_back(std::string("dial ") + (to ? to : "app"));
    *out = 1;
    return 0;
  };
  h.splice = [](ph_instance* me, ph_link, ph_link, std::uint32_t flags) {
    return me->said.push_back(flags == PH_SPLICE_EOF ? "splice eof" : "splice"), 0;
  };
  h.want_peer = [](ph_instance* me, bool want) {
    return me->said.push_back(want ? "want peer" : "unwant"), 0;
  };
  h.fail = [](ph_instance* me, ph_cause cause, ph_retry, const char*) {
    me->said.push_back("fail " + std::to_string(cause));
  };
  h.link_info = [](ph_instance*, ph_link, ph_link_info* out) {
    out->remote = {4, 0, 41000, {192, 0, 2, 1}};
    out->local = {4, 0, 443, {192, 0, 2, 2}};
    return 0;
  };
  h.timer = [](ph_instance* me, std::uint32_t, std::int64_t ms) {
    return me->said.push_back("timer " + std::to_string(ms)), 0;
  };
  h.metric = [](ph_instance* me, std::uint32_t index, const char* label, std::int64_t) {
    me->said.push_back(std::string(plugin.metrics[index].name) + " " + label);
  };
  h.log_repeated = [](ph_instance* me, ph_log, std::uint32_t kind, const char*) {
    me->said.push_back("log " + std::string(tls::name_of(static_cast<tls::Refusal>(kind))));
  };
  h.complain = [](const ph_config* c, std::uint32_t index, const char*) {
    c->complaints.emplace_back(option_of(c, index).name);
  };
  h.opt_int = [](const ph_config* c, std::uint32_t index) {
    const auto it = c->numbers.find(option_of(c, index).name);
    return it == c->numbers.end() ? std::int64_t{0} : it->second;
  };
  h.opt_str = [](const ph_config* c, std::uint32_t index) -> const char* {
    const auto it = c->texts.find(option_of(c, index).name);
    return it == c->texts.end() ? nullptr : it->second.c_str();
  };
  h.opt_count = [](const ph_config* c, std::uint32_t index) -> std::size_t {
    const std::string what = option_of(c, index).name;
    if (what == "route") return c->routes.size();
    if (const auto list = c->lists.find(what); list != c->lists.end()) return list->second.size();
    return c->texts.count(what);
  };
  h.opt_item = [](const ph_config* c, std::uint32_t index, std::size_t i) {
    return c->lists.at(option_of(c, index).name)[i].c_str();
  };
  h.opt_table = [](const ph_config* c, std::uint32_t, std::size_t i) -> const ph_config* {
    return &c->routes[i];
  };
  return h;
}
const ph_host functions = table();

ph_config route(std::vector<std::string> sni, std::vector<std::string> alpn = {},
                const std::string& app = {}) {
  ph_config one;
  one.lists = {{"sni", std::move(sni)}, {"alpn", std::move(alpn)}};
  if (!app.empty()) one.texts["app"] = app;
  return one;
}

ph_config settings(std::vector<ph_config> routes) {
  ph_config config;
  config.numbers = {{"hello_timeout", 5000}, {"min_version", 2}, {"proxy_protocol", 0}};
  config.routes = std::move(routes);
  return config;
}

struct Running {
  ph_instance host;
  ph_config config;
  void* self = nullptr;
  bool passive;

  Running(ph_config c, bool is_passive) : config(std::move(c)), passive(is_passive) {
    ph_open how{};
    how.struct_size = sizeof how;
    how.session = "s";
    how.active = !passive;
    how.passive = passive;
    how.instances = 1;
    how.config = &config;
    REQUIRE(plugin.open(&functions, &host, &how, &self) == PH_OK);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { plugin.close(self); }
  ph_link client() const { return passive ? PH_PEER : 1; }

  Said up(ph_link link, std::uint32_t flags = 0) {
    ph_link_info info{};
    info.struct_size = sizeof info;
    info.text = "192.0.2.1:41000";
    info.flags = flags;
    plugin.on_up(self, link, &info);
    return host.take();
  }
  std::ptrdiff_t data(const Buffer& bytes) {
    return plugin.on_data(self, client(), bytes.data(), bytes.size());
  }
  Said down(ph_link link, ph_cause cause = PH_PEER_CLOSED) {
    const ph_down why{sizeof why, static_cast<std::uint32_t>(cause), "", 0};
    plugin.on_down(self, link, &why);
    return host.take();
  }
};

const Buffer asks = make({sni("A.example.net."), alpn({"h2"}), versions({0x0304})});

ph_config to_apps() {
  return settings(
      {route({"*.example.net"}, {}, "127.0.0.1:1"), route({"a.example.net"}, {"h2"}, "unix:/b")});
}

}  // namespace

TEST_CASE("passive: the hello waits with the core, its route is dialled, then all is spliced") {
  Running run(to_apps(), true);
  CHECK(run.up(PH_PEER) == Said{"timer 5000"});
  CHECK(run.data(Buffer(asks.begin(), asks.end() - 1)) == 0);
  CHECK(run.host.take() == Said{});
  CHECK(run.data(asks) == 0);
  CHECK(run.host.take() ==
        Said{"hellos_total 1.3", "routed_total a.example.net h2", "timer -1", "dial unix:/b"});
  CHECK(run.data(asks) == 0);  // more has come while it is being dialled
  CHECK(run.host.take() == Said{});
  CHECK(run.up(1, PH_LINK_OUTGOING) == Said{"splice eof"});
  CHECK(run.down(1, PH_PEER_RESET) == Said{"abort peer"});
}

TEST_CASE(
    "passive: the PROXY header tells the name as sent, and the one protocol that is offered") {
  ph_config config = to_apps();
  config.numbers["proxy_protocol"] = 1;
  Running run(config, true);
  run.up(PH_PEER);
  run.data(asks);
  run.host.take();
  CHECK(run.up(1, PH_LINK_OUTGOING) == Said{"send 50 app1", "offer peer", "splice eof"});
  const std::string header = run.host.sent;
  CHECK(header.substr(28, 3) == std::string("\x02\0\x0e", 3));
  CHECK(header.substr(31, 14) == "A.example.net.");
  CHECK(header.substr(45) == std::string("\x01\0\x02h2", 5));
}

TEST_CASE("active: the peer is asked for once the client has said where it wants to go") {
  Running run(settings({route({"a.example.net"})}), false);
  CHECK(run.up(1) == Said{"timer 5000"});
  CHECK(run.data(asks) == 0);
  CHECK(run.host.take() ==
        Said{"hellos_total 1.3", "routed_total a.example.net", "timer -1", "want peer"});
  CHECK(run.up(PH_PEER, PH_LINK_OUTGOING) == Said{"splice eof"});
}

TEST_CASE("each refusal is counted, logged, answered by its alert, and the rest is not read") {
  const auto refused = [](const Buffer& bytes, const std::string& why, int alert, bool hello) {
    CAPTURE(why);
    for (const bool passive : {true, false}) {
      Running run(passive ? to_apps() : settings({route({"a.example.net"})}), passive);
      run.up(run.client());
      CHECK(run.data(bytes) == std::ssize(bytes));
      Said expected;
      const std::string client = name(run.client());
      if (hello) expected.push_back(why == "old-version" ? "hellos_total 1.1" : "hellos_total 1.2");
      expected.insert(expected.end(), {"refused_total " + why, "log " + why, "send 7 " + client,
                                       "timer -1", "close " + client});
      CHECK(run.host.take() == expected);
      CHECK(run.host.sent.back() == static_cast<char>(alert));
      CHECK(run.data(asks) == std::ssize(asks));
      CHECK(run.host.take() == Said{});
      CHECK(run.down(run.client()) == Said{});
    }
  };
  refused(bytes_of("GET / HTTP/1.1"), "http", 10, false);
  refused(bytes_of("EHLO x"), "plain-text", 10, false);
  refused({0x80, 46, 1}, "sslv2", 70, false);
  refused({22, 0xfe, 0xfd}, "dtls", 70, false);
  refused({0, 0}, "not-tls", 10, false);
  refused({21, 3, 3}, "not-hello", 10, false);
  refused({22, 3, 3, 0xff, 0xff}, "oversized", 22, false);
  refused({22, 3, 3, 0, 0}, "malformed", 50, false);
  refused(make({sni("a b")}), "bad-name", 47, true);
  refused(make({sni("a.other")}), "no-route", 112, true);
  refused(make(Made{}), "no-route", 112, true);
  refused(make(Made{{sni("a.example.net")}, 0x0302}), "old-version", 70, true);
}

TEST_CASE("silence, and a hello that does not come to its end") {
  for (const bool passive : {true, false}) {
    Running silent(passive ? to_apps() : settings({}), passive);
    silent.up(silent.client());
    plugin.on_timer(silent.self, 0);
    const std::string client = name(silent.client());
    CHECK(silent.host.take() ==
          Said{"refused_total timeout", "log timeout", "timer -1", "close " + client});

    Running cut(passive ? to_apps() : settings({}), passive);
    cut.up(cut.client());
    cut.data({22, 3, 1});
    plugin.on_eof(cut.self, cut.client());
    CHECK(cut.host.take() ==
          Said{"refused_total cut-short", "log cut-short", "timer -1", "close " + client});

    Running probe(passive ? to_apps() : settings({}), passive);
    probe.up(probe.client());
    plugin.on_eof(probe.self, probe.client());
    CHECK(probe.host.take() == Said{"timer -1", "close " + client});
  }
}

TEST_CASE("a client that leaves while its app is being dialled takes the dial with it") {
  Running run(to_apps(), true);
  run.up(PH_PEER);
  run.data(asks);
  run.host.take();
  CHECK(run.down(PH_PEER, PH_PEER_RESET) == Said{"abort app1"});
}

TEST_CASE("an app that cannot be reached: the client is reset") {
  Running run(to_apps(), true);
  run.up(PH_PEER);
  run.data(asks);
  run.host.take();
  CHECK(run.down(1, PH_APP_UNREACHABLE) == Said{"abort peer"});
}

TEST_CASE("a FIN right behind the hello is passed on behind it") {
  Running run(to_apps(), true);
  run.up(PH_PEER);
  run.data(asks);
  plugin.on_eof(run.self, PH_PEER);
  run.host.take();
  CHECK(run.up(1, PH_LINK_OUTGOING) == Said{});
  CHECK(run.data(asks) == std::ssize(asks));
  CHECK(run.host.take() == Said{"send " + std::to_string(asks.size()) + " app1", "eof app1"});
}

TEST_CASE("pick: exact before wildcard over all sessions, whom nobody takes is the first one's") {
  const ph_config wild = settings({route({"*.example.net"})}),
                  exact = settings({route({"b.example.net"})}), all = settings({});
  const auto pick = [&](std::vector<const ph_config*> sessions, const Buffer& bytes) {
    std::uint8_t reply[64];
    std::size_t used = 0;
    const int answer = plugin.pick(&functions, sessions.data(), sessions.size(), bytes.data(),
                                   bytes.size(), reply, &used);
    CHECK(used == 0);
    return answer;
  };
  CHECK(pick({&wild, &exact}, make({sni("a.example.net")})) == 0);
  CHECK(pick({&wild, &exact}, make({sni("B.example.net")})) == 1);
  CHECK(pick({&wild, &exact}, make({sni("other")})) == 0);
  CHECK(pick({&wild, &exact, &all}, make({sni("other")})) == 2);
  CHECK(pick({&wild, &exact, &all}, make(Made{})) == 2);
  CHECK(pick({&wild, &exact}, {}) == PH_EAGAIN);
  CHECK(pick({&wild, &exact}, {22, 3}) == PH_EAGAIN);
  CHECK(pick({&wild, &exact}, bytes_of("QUIT\r\n")) == 0);
  ph_config hasty = settings({});
  hasty.numbers["hello_timeout"] = 100;
  const ph_config* sessions[] = {&wild, &hasty};
  CHECK(plugin.pick_wait(&functions, sessions, 2) == 100);
}

TEST_CASE("check: what contradicts itself, in either direction") {
  const auto complaints = [](const ph_config& config, bool passive, const char* app = nullptr) {
    ph_open how{};
    how.struct_size = sizeof how;
    how.active = !passive;
    how.passive = passive;
    how.app_listens = !passive;
    how.config = &config;
    how.app = app;
    CHECK(plugin.check(&functions, &how) == PH_OK);
    Said all = config.complaints;
    for (const ph_config& one : config.routes)
      all.insert(all.end(), one.complaints.begin(), one.complaints.end());
    return all;
  };
  CHECK(complaints(to_apps(), true) == Said{});
  CHECK(complaints(settings({route({"a"})}), false, "127.0.0.1:1") == Said{});
  CHECK(complaints(settings({}), false, "127.0.0.1:1") == Said{});
  CHECK(complaints(settings({}), true, "127.0.0.1:1") == Said{});
  CHECK(complaints(settings({}), true) == Said{"route"});
  CHECK(complaints(settings({route({"a"})}), true) == Said{"app"});
  CHECK(complaints(settings({route({"a"})}), true, "127.0.0.1:1") == Said{});
  CHECK(complaints(to_apps(), false) == Said{"app", "app"});
  CHECK(complaints(settings({route({}, {""}, "unix:/a")}), true) == Said{"sni", "alpn"});
  CHECK(complaints(settings({route({"*", "a..b"}, {}, "unix:/a")}), true) == Said{"sni", "sni"});
  ph_config with_default = settings({});
  with_default.texts["default_app"] = "unix:/d";
  CHECK(complaints(with_default, true) == Said{});
  CHECK(complaints(with_default, false) == Said{"default_app"});
  ph_config with_header = settings({});
  with_header.numbers["proxy_protocol"] = 1;
  CHECK(complaints(with_header, false) == Said{"proxy_protocol"});
}
