// Instance: one instance of a plugin; every call into plugin code of the keeper goes through here.
//
// Calls are timed (over 5 ms is logged, at most once a second a plugin) and contained: an exception
// that leaves a callback, or an answer outside the contract, becomes a fault. The owner asks for
// the fault after each call and ends the link or the instance; the keeper goes on. Small: a
// per-client session has one for each client.
#pragma once

#include <peerhold/plugin.h>

#include <forward_list>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/log.hpp"
#include "plugin/library.hpp"

namespace peerhold {

class Instance {
 public:
  // `session` is the session's name, for texts; both outlive the instance.
  Instance(const Library&, ph_instance* handle, const std::string& session, Log&);
  ~Instance();  // close() if it is open
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // ph_status; after an error or a fault nothing else may be called.
  int open(const ph_host&, const ph_open&);
  void close();
  bool is_open() const { return open_; }

  int reload(const ph_config*);  // PH_ERESTART when the plugin has none
  bool has_drain() const;
  int drain(const ph_drain&);
  int on_up(ph_link, const ph_link_info&);
  // 0…n, or a negative ph_status. An answer outside of that is a fault and 0.
  std::ptrdiff_t on_data(ph_link, std::span<const std::uint8_t>);
  void on_eof(ph_link);
  void on_writable(ph_link);
  void on_down(ph_link, const ph_down&);
  void on_timer(std::uint32_t id);
  void on_wake();
  // One JSON object, checked to be one; "{}" when the plugin has none or answers nonsense.
  std::string status();
  // What report() says, with its text copied; none: the plugin says nothing.
  struct Report {
    bool degraded = false;
    std::string text;
    std::int64_t hold_left_ms = -1, held = -1;
  };
  std::optional<Report> report();
  // An operator's word; `reply` is what the plugin has to say about it. PH_ENOTSUP when it has no
  // such thing.
  int command(std::uint32_t what, std::int64_t ms, std::string& reply);
  // A text for the plugin, valid until the callback that runs, else the next one, has returned.
  const char* lend(std::string text);

  // What went wrong in the calls since the last time, in words; empty: nothing.
  std::string take_fault();
  const Library& library() const { return library_; }

 private:
  template <class F>
  auto call(const char* what, F&&);
  void blame(const std::string& text);
  int judged(const char* what, int answer);
  const Library& library_;
  ph_instance* handle_;
  const std::string& session_;
  Log& log_;
  void* self_ = nullptr;
  bool open_ = false;
  std::unique_ptr<std::string> fault_;
  std::forward_list<std::string> lent_;
};

}  // namespace peerhold
