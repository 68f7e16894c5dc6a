// The host table of the fake host: what the plugin asks for.
#include <doctest/doctest.h>

#include <cstring>
#include <utility>

#include "fake_host.hpp"

namespace {

const ph_plugin& offers = peerhold_plugin_1;

std::string name(ph_link link) {
  return link == PH_PEER ? "peer" : link == PH_RIVAL ? "rival" : "app" + std::to_string(link);
}

// A default of the option table, in TOML.
std::int64_t number_of(const ph_option& option, std::string text) {
  std::erase(text, '"');
  if (text == "true" || text == "false") return text == "true";
  for (int i = 0; option.choices != nullptr && option.choices[i] != nullptr; ++i)
    if (text == option.choices[i]) return option.type == PH_CHOICE ? i : -1 - i;
  if (text == "none") return -1;
  std::size_t end = 0;
  const std::int64_t n = std::stoll(text, &end);
  const std::string unit = text.substr(end);
  if (unit == "MiB") return n << 20;
  return unit == "m" ? n * 60000 : unit == "s" ? n * 1000 : n;
}

}  // namespace

struct Table {
  static ph_host make() {
    ph_host h{};
    h.struct_size = sizeof h;
    h.send_whole = [](ph_instance* me, ph_link to, const void* data, std::size_t n) {
      return me->send_whole(to, data, n);
    };
    h.close = [](ph_instance* me, ph_link link, bool abort) -> int {
      if (!me->lines.contains(link)) return PH_ENOLINK;
      auto& line = me->lines[link];
      me->acts.push_back((abort ? "abort " : "close ") + name(link));
      CHECK_MESSAGE(!line.ending, "closed twice: " << name(link));
      if (std::exchange(line.ending, true)) return PH_OK;
      line.cause = PH_ADMIN;
      line.text = "closed by the plugin";
      return PH_OK;
    };
    h.read_pause = [](ph_instance* me, ph_link link, bool pause) -> int {
      if (!me->is_up(link)) return PH_ENOLINK;
      me->lines[link].paused = pause;
      me->lines[link].offer_due |= !pause;
      return PH_OK;
    };
    h.established = [](ph_instance* me) { ++me->established; };
    h.fail = [](ph_instance* me, ph_cause cause, ph_retry retry, const char* text) {
      me->acts.push_back("fail " + std::to_string(cause) + (retry == PH_RETRY_SLOW ? " slow" : ""));
      if (!me->is_up(PH_PEER)) return;
      auto& line = me->lines[PH_PEER];
      line.ending = true;
      line.cause = cause;
      line.text = text;
    };
    h.want_peer = [](ph_instance* me, bool want) -> int {
      me->wanted = want;
      return PH_OK;
    };
    h.link_info = [](ph_instance* me, ph_link link, ph_link_info* out) -> int {
      if (!me->lines.contains(link)) return PH_ENOLINK;
      out->unsent = me->lines[link].queued();
      return PH_OK;
    };
    h.now_ms = [](ph_instance* me) { return me->now; };
    h.timer = [](ph_instance* me, std::uint32_t id, std::int64_t ms) -> int {
      CHECK(id < 16);
      if (ms < 0) {
        me->timers.erase(id);
      } else {
        me->timers[id] = me->now + static_cast<std::uint64_t>(ms);
      }
      return PH_OK;
    };
    h.log = [](ph_instance* me, ph_log, const char* text) { me->logs.push_back(text); };
    h.event = [](ph_instance* me, const char* text) { me->events.push_back(text); };
    h.metric = [](ph_instance* me, std::uint32_t index, const char*, std::int64_t v) {
      me->metrics[offers.metrics[index].name] += v;
    };
    h.opt_int = [](const ph_config* c, std::uint32_t i) {
      const ph_option& option = offers.options[i];
      const auto given = c->host->numbers.find(option.name);
      if (given != c->host->numbers.end()) return given->second;
      if (option.type == PH_STRING || option.type == PH_LIST) return std::int64_t{0};
      return option.default_value != nullptr ? number_of(option, option.default_value) : 0;
    };
    h.opt_str = [](const ph_config* c, std::uint32_t i) -> const char* {
      const ph_option& option = offers.options[i];
      const auto given = c->host->texts.find(option.name);
      if (given != c->host->texts.end()) return given->second.c_str();
      return std::strcmp(option.name, "next_hop") == 0 ? "source" : nullptr;
    };
    h.opt_count = [](const ph_config* c, std::uint32_t i) -> std::size_t {
      const ph_option& option = offers.options[i];
      if (option.type == PH_LIST) return c->host->lists[option.name].size();
      return option.default_value != nullptr || c->host->texts.contains(option.name) ||
             c->host->numbers.contains(option.name);
    };
    h.opt_item = [](const ph_config* c, std::uint32_t i, std::size_t n) {
      return c->host->lists[offers.options[i].name][n].c_str();
    };
    h.buffer = [](ph_instance* me, ph_link link, std::uint64_t bytes) -> int {
      if (!me->is_up(link)) return PH_ENOLINK;
      me->lines[link].buffer = bytes;
      return PH_OK;
    };
    h.user_timeout = [](ph_instance* me, ph_link, std::int64_t ms) -> int {
      me->user_timeout = ms;
      return PH_OK;
    };
    h.setting = [](ph_instance* me, ph_setting which) { return me->settings[which]; };
    return h;
  }
};

const ph_host* fake_table() {
  static const ph_host functions = Table::make();
  return &functions;
}
