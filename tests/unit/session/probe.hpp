// A plugin that does what a test says. The plugin (probe_plugin.cpp, a real shared object loaded by
// a real Keeper) passes every callback on to the Probe of its session, whose address stands in the
// option `tester`; it also watches the rules that hold for every callback.
#pragma once

#include <peerhold/host.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

struct Probe;

// The index of each option in the plugin's declaration.
enum ProbeOption : std::uint32_t { probe_tester, probe_live, probe_fixed, probe_to };

// One instance as a test sees it. Each call into the host is marked, so that a callback out of it
// is seen.
struct ProbeInstance {
  Probe& probe;
  const ph_host* host;
  ph_instance* me;
  bool per_client = false;
  bool open = true;
  std::set<ph_link> up;       // on_up was called, on_down not
  std::set<ph_link> dialing;  // dial() has answered, nothing came yet

  std::ptrdiff_t send(ph_link to, std::string_view bytes);
  std::ptrdiff_t send_whole(ph_link to, std::string_view bytes);
  int send_eof(ph_link);
  int close(ph_link, bool abort);
  int pause(ph_link, bool);
  int dial(const char* endpoint, std::uint32_t flags, ph_link& out);
  int splice(ph_link a, ph_link b, std::uint32_t flags);
  int unsplice(ph_link a, ph_link b);
  void established();
  void fail(ph_cause, ph_retry, const char* text);
  int want_peer(bool);
  int info(ph_link, ph_link_info&);
  int timer(std::uint32_t id, std::int64_t ms);
  int buffer(ph_link, std::uint64_t bytes);
  int user_timeout(ph_link, std::int64_t ms);
  std::int64_t setting(ph_setting);
  void wake() const { host->wake(me); }  // any thread
};

struct Probe {
  // What to do; nothing by default, but that data is consumed.
  std::function<int(ProbeInstance&, const ph_open&)> on_open;
  std::function<int(ProbeInstance&, ph_link, const ph_link_info&)> on_up;
  std::function<std::ptrdiff_t(ProbeInstance&, ph_link, std::string_view)> on_data;
  std::function<void(ProbeInstance&, ph_link)> on_eof, on_writable;
  std::function<void(ProbeInstance&, ph_link, const ph_down&)> on_down;
  std::function<void(ProbeInstance&, std::uint32_t)> on_timer;
  std::function<void(ProbeInstance&)> on_wake;
  std::function<int(ProbeInstance&, const ph_config*)> on_reload;
  std::function<int(ProbeInstance&, const ph_drain&)> on_drain;
  std::function<int(ProbeInstance&, ph_report&)> on_report;          // not written down
  std::function<int(ProbeInstance&, const ph_command&)> on_command;  // probe_says

  // Back to doing nothing: what the above refer to may be gone.
  void rest() {
    on_open = {};
    on_up = {};
    on_data = {};
    on_eof = on_writable = {};
    on_down = {};
    on_timer = {};
    on_wake = {};
    on_reload = {};
    on_drain = {};
    on_report = {};
    on_command = {};
  }

  // What was seen: "open", "up 0", "data 0 hello", "eof 0", "down 0 peer-closed", "timer 3", …
  std::vector<std::string> seen;
  std::vector<std::string> breaches;  // of what plugin.h promises
  std::vector<std::unique_ptr<ProbeInstance>> instances;
  std::thread::id thread = std::this_thread::get_id();
  bool keep_data = true;  // the bytes too, in `seen`

  ProbeInstance& one() { return *instances.back(); }
  std::size_t count(std::string_view what) const {
    std::size_t n = 0;
    for (const std::string& line : seen)
      n += line == what || line.starts_with(std::string(what) + " ");
    return n;
  }
  std::string all(const char* between = ", ") const {
    std::string text;
    for (const std::string& line : seen) text += (text.empty() ? "" : between) + line;
    return text;
  }

  // ---- watched
  // -----------------------------------------------------------------------------------------
  bool in_host = false;
  int depth = 0;
  struct Inside {
    Probe& probe;
    explicit Inside(Probe& p, const std::string& what) : probe(p) {
      if (p.in_host) p.breaches.push_back(what + " from inside a host function");
      if (p.depth++ > 0) p.breaches.push_back(what + " from inside another callback");
      if (std::this_thread::get_id() != p.thread) p.breaches.push_back(what + " on another thread");
    }
    ~Inside() { --probe.depth; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
  };
  template <class F>
  auto host(F&& call) {
    const bool before = in_host;
    in_host = true;
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      call();
      in_host = before;
    } else {
      const auto answer = call();
      in_host = before;
      return answer;
    }
  }

  // As the option says it.
  std::string address() const { return std::to_string(reinterpret_cast<std::uintptr_t>(this)); }
  static Probe* at(const char* address) {
    return address == nullptr ? nullptr : reinterpret_cast<Probe*>(std::stoull(address));
  }
};

inline std::ptrdiff_t ProbeInstance::send(ph_link to, std::string_view b) {
  return probe.host([&] { return host->send(me, to, b.data(), b.size()); });
}
inline std::ptrdiff_t ProbeInstance::send_whole(ph_link to, std::string_view b) {
  return probe.host([&] { return host->send_whole(me, to, b.data(), b.size()); });
}
inline int ProbeInstance::send_eof(ph_link link) {
  return probe.host([&] { return host->send_eof(me, link); });
}
inline int ProbeInstance::close(ph_link link, bool abort) {
  return probe.host([&] { return host->close(me, link, abort); });
}
inline int ProbeInstance::pause(ph_link link, bool on) {
  return probe.host([&] { return host->read_pause(me, link, on); });
}
inline int ProbeInstance::dial(const char* endpoint, std::uint32_t flags, ph_link& out) {
  const int answer = probe.host([&] { return host->dial(me, endpoint, flags, &out); });
  if (answer == PH_OK) dialing.insert(out);
  return answer;
}
inline int ProbeInstance::splice(ph_link a, ph_link b, std::uint32_t flags) {
  return probe.host([&] { return host->splice(me, a, b, flags); });
}
inline int ProbeInstance::unsplice(ph_link a, ph_link b) {
  return probe.host([&] { return host->unsplice(me, a, b); });
}
inline void ProbeInstance::established() {
  probe.host([&] { host->established(me); });
}
inline void ProbeInstance::fail(ph_cause cause, ph_retry retry, const char* text) {
  probe.host([&] { host->fail(me, cause, retry, text); });
}
inline int ProbeInstance::want_peer(bool want) {
  return probe.host([&] { return host->want_peer(me, want); });
}
inline int ProbeInstance::info(ph_link link, ph_link_info& out) {
  out.struct_size = sizeof out;
  return probe.host([&] { return host->link_info(me, link, &out); });
}
inline int ProbeInstance::timer(std::uint32_t id, std::int64_t ms) {
  return probe.host([&] { return host->timer(me, id, ms); });
}
inline int ProbeInstance::buffer(ph_link link, std::uint64_t bytes) {
  return probe.host([&] { return host->buffer(me, link, bytes); });
}
inline int ProbeInstance::user_timeout(ph_link link, std::int64_t ms) {
  return probe.host([&] { return host->user_timeout(me, link, ms); });
}
inline std::int64_t ProbeInstance::setting(ph_setting which) {
  return probe.host([&] { return host->setting(me, which); });
}
