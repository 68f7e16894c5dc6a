// peerhold/host.hpp - what a plugin is given, in C++20: its host, its options, and the error it
// throws.
//
// Thin: each method is the function of struct ph_host of that name, and plugin.h says what it
// means.
#pragma once

#include <peerhold/plugin.h>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ph {

using Bytes = std::span<const std::uint8_t>;

// What a method throws to end the peer link (in the constructor: to refuse) for a reason of its
// own.
struct Error : std::runtime_error {
  Error(ph_cause c, const std::string& text, int s = PH_EINVAL, ph_retry r = PH_RETRY_NORMAL)
      : std::runtime_error(text), cause(c), retry(r), status(s) {}
  ph_cause cause;
  ph_retry retry;
  int status;  // what the callback answers
};

// A session's options, by the index in the plugin's declaration. Valid while the call lasts.
class Config {
 public:
  Config(const ph_host* host, const ph_config* config) : h_(host), c_(config) {}
  bool has(std::uint32_t opt) const { return h_->opt_count(c_, opt) > 0; }
  std::int64_t number(std::uint32_t opt) const { return h_->opt_int(c_, opt); }
  std::string_view text(std::uint32_t opt) const { return view(h_->opt_str(c_, opt)); }
  std::size_t count(std::uint32_t opt) const { return h_->opt_count(c_, opt); }
  std::string_view item(std::uint32_t opt, std::size_t i) const {
    return view(h_->opt_item(c_, opt, i));
  }
  Config table(std::uint32_t opt, std::size_t i = 0) const {
    return {h_, h_->opt_table(c_, opt, i)};
  }
  void complain(std::uint32_t opt, const std::string& s) const { h_->complain(c_, opt, s.c_str()); }
  void warn(std::uint32_t opt, const std::string& s) const {  // since 1.1, else not said
    if (PH_HOST_HAS(h_, warn)) h_->warn(c_, opt, s.c_str());
  }

 private:
  static std::string_view view(const char* text) { return text ? text : std::string_view{}; }
  const ph_host* h_;
  const ph_config* c_;
};

// The sessions that pick() chooses from.
struct Configs {
  const ph_host* host;
  std::span<const ph_config* const> all;
  Config operator[](std::size_t i) const { return {host, all[i]}; }
};

// The host table and the instance it is called for. Cheap to copy; good for the instance's life.
class Host {
 public:
  Host(const ph_host* host, ph_instance* me) : h_(host), me_(me) {}

  std::ptrdiff_t send(ph_link to, Bytes data) const {
    return h_->send(me_, to, data.data(), data.size());
  }
  std::ptrdiff_t send_whole(ph_link to, Bytes data) const {
    return h_->send_whole(me_, to, data.data(), data.size());
  }
  int send_eof(ph_link link) const { return h_->send_eof(me_, link); }
  int close(ph_link link, bool abort) const { return h_->close(me_, link, abort); }
  int read_pause(ph_link link, bool pause) const { return h_->read_pause(me_, link, pause); }
  int dial(const char* endpoint, std::uint32_t flags, ph_link& out) const {
    return h_->dial(me_, endpoint, flags, &out);
  }
  int splice(ph_link a, ph_link b, std::uint32_t flags) const {
    return PH_HOST_HAS(h_, splice) ? h_->splice(me_, a, b, flags) : int{PH_ENOTSUP};
  }
  int unsplice(ph_link a, ph_link b) const {
    return PH_HOST_HAS(h_, unsplice) ? h_->unsplice(me_, a, b) : int{PH_ENOTSUP};
  }
  void established() const { h_->established(me_); }
  void fail(ph_cause cause, ph_retry retry, const char* text) const {
    h_->fail(me_, cause, retry, text);
  }
  int want_peer(bool want) const { return h_->want_peer(me_, want); }
  // All zero when the link is not up.
  ph_link_info info(ph_link link) const {
    ph_link_info out{};
    out.struct_size = sizeof out;
    if (h_->link_info(me_, link, &out) != PH_OK) out = ph_link_info{};
    return out;
  }
  std::uint64_t now_ms() const { return h_->now_ms(me_); }
  int timer(std::uint32_t id, std::int64_t ms) const { return h_->timer(me_, id, ms); }
  void log(ph_log level, const std::string& text) const { h_->log(me_, level, text.c_str()); }
  void event(const std::string& text) const { h_->event(me_, text.c_str()); }
  void metric(std::uint32_t index, std::int64_t v, const char* label = nullptr) const {
    h_->metric(me_, index, label, v);
  }
  void wake() const { h_->wake(me_); }
  // Since 1.1: PH_ENOTSUP, or -1, by a peerhold that does not have them yet.
  int buffer(ph_link link, std::uint64_t bytes) const {
    return PH_HOST_HAS(h_, buffer) ? h_->buffer(me_, link, bytes) : int{PH_ENOTSUP};
  }
  int user_timeout(ph_link link, std::int64_t ms) const {
    return PH_HOST_HAS(h_, user_timeout) ? h_->user_timeout(me_, link, ms) : int{PH_ENOTSUP};
  }
  std::int64_t setting(ph_setting which) const {
    return PH_HOST_HAS(h_, setting) ? h_->setting(me_, which) : -1;
  }
  void log_repeated(ph_log level, std::uint32_t kind, const std::string& text) const {  // 1.2
    if (PH_HOST_HAS(h_, log_repeated))
      h_->log_repeated(me_, level, kind, text.c_str());
    else
      h_->log(me_, PH_LOG_DEBUG, text.c_str());
  }
  Config config(const ph_config* config) const { return {h_, config}; }

 private:
  const ph_host* h_;
  ph_instance* me_;
};

}  // namespace ph
