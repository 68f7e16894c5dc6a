// The exact JSON: scripts read these names.
#include "control/json.hpp"

#include <doctest/doctest.h>

namespace peerhold {
namespace {

WallTime at(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

SessionStatus edge1() {
  SessionStatus s;
  s.name = "edge1";
  s.plugin = "bgp";
  s.mode = "active";
  s.peer = "192.0.2.1:179";
  s.source = "192.0.2.2:41022";
  s.state = SessionState::established;
  s.since = at(1795449603);
  s.uptime = Milliseconds(12449);
  s.health = Health::ok;
  s.key = SessionStatus::KeyUse{"edge", "tcp-md5", "schedule", 1};
  s.links = 1;
  s.app_endpoint = "127.0.0.11:179";
  s.apps_attached = 1;
  s.attempts = 2;
  s.established_count = 1;
  s.last_error = Failure{Cause::connect_timeout, "no answer to our SYN in 10s", at(1795449590)};
  s.plugin_status = R"({"peer_as": 64513})";
  return s;
}

KeeperStatus keeper() {
  KeeperStatus k;
  k.version = "0.1.0";
  k.config = "/etc/peerhold/peerhold.toml";
  k.started = at(1795449600);
  k.tcp_md5 = true;
  k.sessions = 1;
  k.established = 1;
  return k;
}

}  // namespace

TEST_CASE("status: the contract's fields in the contract's order") {
  CHECK(status_json(keeper(), 4242, {edge1()}, false) ==
        R"({"schema":1,"keeper":{"version":"0.1.0","pid":4242,"started":"2026-11-23T16:00:00Z",)"
        R"("config":"/etc/peerhold/peerhold.toml","tcp_md5":true,"tcp_ao":false,"sessions":1,)"
        R"("established":1},"sessions":[{"name":"edge1","plugin":"bgp","mode":"active",)"
        R"("peer":"192.0.2.1:179","source":"192.0.2.2:41022","description":"","labels":{},)"
        R"("state":"established","since":"2026-11-23T16:00:03Z","uptime_s":12.4,"health":"ok",)"
        R"("health_text":"","key":{"chain":"edge","id":1,"method":"tcp-md5","cause":"schedule"},)"
        R"("links":1,"app":{"endpoint":"127.0.0.11:179","attached":1,"absent_s":null,)"
        R"("hold_left_s":null},"attempts":2,"established_count":1,"retry_in_s":null,)"
        R"("last_error":{"code":"connect-timeout","text":"no answer to our SYN in 10s",)"
        R"("at":"2026-11-23T15:59:50Z"},"last_down":null,)"
        R"("bytes":{"peer_to_app":0,"app_to_peer":0},"plugin_status":{"peer_as":64513}}]})");
}

TEST_CASE("status: no key, times with one decimal, recent errors only on demand") {
  SessionStatus s = edge1();
  s.key.reset();
  s.uptime = Milliseconds(0);
  s.app_absent = Milliseconds(192000);
  s.retry_in = Milliseconds(1250);
  s.labels = {{"site", "fra1"}};
  s.recent_errors = {*s.last_error};
  const std::string plain = status_json(keeper(), 1, {s}, false);
  CHECK(plain.find(R"("key":null)") != std::string::npos);
  CHECK(plain.find(R"("uptime_s":0.0)") != std::string::npos);
  CHECK(plain.find(R"("absent_s":192.0)") != std::string::npos);
  CHECK(plain.find(R"("retry_in_s":1.3)") != std::string::npos);
  CHECK(plain.find(R"("labels":{"site":"fra1"})") != std::string::npos);
  CHECK(plain.find("recent_errors") == std::string::npos);
  CHECK(status_json(keeper(), 1, {s}, true).find(R"("recent_errors":[{"code":)") !=
        std::string::npos);
}

TEST_CASE("status: a plugin's text that is no object does not spoil the answer") {
  for (const char* text : {"", "nonsense", "[1]", "{\"a\":", "{} {}"}) {
    SessionStatus s = edge1();
    s.plugin_status = text;
    CHECK(status_json(keeper(), 1, {s}, false).find(R"("plugin_status":{})") != std::string::npos);
  }
}

TEST_CASE("bytes of a peer that are not UTF-8 are replaced, control characters escaped") {
  Event e;
  e.time = at(1795449600);
  e.session = "edge1";
  e.kind = EventKind::error;
  e.text = "bad \xff\x1b[2J";
  CHECK(event_json(e) ==
        "{\"time\":\"2026-11-23T16:00:00Z\",\"session\":\"edge1\",\"event\":"
        "\"error\",\"from\":\"\",\"to\":\"\",\"cause\":\"\",\"text\":\"bad "
        "\xef\xbf\xbd\\u001b[2J\"}");
}

TEST_CASE("keys") {
  KeyStatus chain{"edge", "scheduled", {}};
  chain.keys.push_back(
      {1, {}, at(1795449600), true, {"edge1"}, at(1795449590), at(1795449590), {}});
  chain.keys.push_back({2, at(1795449600), {}, false, {}, {}, {}, {}});
  CHECK(keys_json({chain}) ==
        R"({"chains":[{"name":"edge","rollover":"scheduled","keys":[)"
        R"({"id":1,"start":null,"end":"2026-11-23T16:00:00Z","valid":true,)"
        R"("in_use_by":["edge1"],"last_used":"2026-11-23T15:59:50Z",)"
        R"("last_sent":"2026-11-23T15:59:50Z","last_received":null},)"
        R"({"id":2,"start":"2026-11-23T16:00:00Z","end":null,"valid":false,"in_use_by":[],)"
        R"("last_used":null,"last_sent":null,"last_received":null}]}]})");
  CHECK(keys_json({}) == R"({"chains":[]})");
}

TEST_CASE("reload and diagnostics") {
  ReloadOutcome outcome;
  outcome.actions.push_back({ReloadAction::What::live, "edge1", {"retry.max"}});
  outcome.diagnostics.push_back({Diagnostic::warning, {"a.toml", 3, 7}, "hm\n"});
  CHECK(reload_json(outcome, true) ==
        R"({"dry_run":true,"actions":[{"session":"edge1","action":"live","keys":["retry.max"]}],)"
        R"("diagnostics":[{"file":"a.toml","line":3,"column":7,"severity":"warning",)"
        R"("text":"hm\n"}]})");
  CHECK(diagnostic_line({Diagnostic::error, {"a.toml", 3, 7}, "no"}) == "a.toml:3:7: error: no");
}

}  // namespace peerhold
