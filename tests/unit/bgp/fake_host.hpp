// A host for the bgp plugin without sockets and clock: it keeps plugin.h's promises (held input is
// offered again by its four rules and never otherwise; on_down comes later and last), looks after
// what the plugin does with them, and writes down what it says on each link.
#pragma once

#include <peerhold/plugin.h>

#include <map>
#include <string>
#include <vector>

#include "message.hpp"
#include "open.hpp"
#include "update.hpp"

using Words = std::vector<std::string>;

inline constexpr std::size_t all_room = SIZE_MAX;

struct ph_instance {
  struct Line {
    std::size_t rate = all_room;  // what the far end takes in one step
    std::uint64_t buffer = 1 << 20;
    std::uint64_t accepted = 0, taken = 0;
    bgp::Buffer held;
    bool outgoing = false, paused = false, fell_short = false, offer_due = false, eof_due = false;
    bool waits = false;
    ph_link waits_for = PH_PEER;
    std::string local;
    bool ending = false;
    ph_cause cause = PH_ADMIN;
    std::string text;
    bool opened = false, notified = false;  // said so far
    std::uint64_t queued() const { return accepted - taken; }
  };

  // ---- the session's configuration: set before open()
  std::map<std::string, std::int64_t> numbers;
  std::map<std::string, std::string> texts;
  std::map<std::string, Words> lists;
  std::map<int, std::int64_t> settings;
  std::string local = "192.0.2.2";  // of links to come
  bool has_app = true;

  // ---- what happened
  std::uint64_t now = 1000000;
  std::map<ph_link, Line> lines;  // up
  Words acts;                     // close, abort, fail, want_peer ...
  Words events, logs;
  std::map<std::string, std::int64_t> metrics;
  int established = 0, promoted = 0;
  bool wanted = true;
  std::int64_t user_timeout = -1;
  std::map<std::uint32_t, std::uint64_t> timers;
  bool sees_status = true;  // looks at status() and report() after each callback

  ph_instance();
  ph_instance(const ph_instance&) = delete;
  ~ph_instance();
  void open();
  void close();
  int reload();

  // ---- what far ends do
  void up(ph_link, std::uint32_t flags = 0, std::size_t rate = all_room);
  ph_link app_up(std::size_t rate = all_room);
  void feed(ph_link, bgp::Bytes);
  void fin(ph_link);
  void lost(ph_link, ph_cause = PH_PEER_RESET);
  void rate(ph_link, std::size_t);
  void advance(std::int64_t ms);
  int drain(ph_goodbye, const char* text = "");
  int command(ph_command_kind, std::int64_t ms = 0);
  std::string reply;
  std::string status();
  ph_report report();
  bool is_up(ph_link link) const { return lines.contains(link) && !lines.at(link).ending; }

  bgp::Buffer take_bytes(ph_link);
  Words take(ph_link);  // what was said there since the last call, in words
  Words take_acts();

 private:
  friend struct Table;
  void settle();
  bool step();
  void offer(ph_link);
  void offer_all();
  void unblock(ph_link);
  void tell_down(ph_link);
  void came_up(ph_link, std::uint32_t flags);
  void after_call();
  ptrdiff_t send_whole(ph_link, const void*, std::size_t);
  void look_at(Line&, bgp::Bytes);

  void* self_ = nullptr;
  std::map<ph_link, bgp::Buffer> heard_;
  ph_link next_app_ = 1;
  bool fell_short_ = false;
  ph_link short_link_ = PH_PEER;
  bool inside_ = false;
};

struct ph_config {
  ph_instance* host;
};
const ph_host* fake_table();

// Words for one stream of messages: "OPEN", "+192.0.2.0/24", "-…", "eor …", "refresh …", "6/2".
Words words_of(bgp::Bytes);
inline std::string last(const Words& words) {
  return words.empty() ? "" : words.back();
}

// ---- scripts
inline constexpr std::uint32_t our_as = 64512, peer_as = 64513;
inline constexpr std::uint32_t peer_id = 0xC0000201, app_id = 0x7F00000B;

bgp::Open peer_says(std::vector<bgp::Family> = {bgp::ipv4_unicast}, bool refresh = true);
bgp::Open app_says(std::vector<bgp::Family> = {bgp::ipv4_unicast}, bool refresh = true);
bgp::Open restarting_peer(bool notification = false);  // graceful restart, with N or without
bgp::Buffer joined(std::initializer_list<bgp::Buffer>);
bgp::Buffer announce(const char* prefix, const char* next_hop = "192.0.2.9");
bgp::Buffer announce6(const char* prefix, const char* next_hop);
bgp::Buffer withdraw(const char* prefix);
bgp::Buffer cease_message(std::uint8_t subcode, const char* text = "");
bgp::Buffer refresh(std::uint8_t kind = 0, bgp::Family = bgp::ipv4_unicast);
void peer_establishes(ph_instance&, const bgp::Open& = peer_says(), ph_link = PH_PEER);
ph_link app_attaches(ph_instance&, const bgp::Open& = app_says(), std::size_t rate = all_room);
// An app that has announced 192.0.2.0/24 and 198.51.100.0/24, on an established link; what was said
// is taken.
ph_link announced(ph_instance&);
Words peer_hears(ph_instance&);                     // as take(), without KEEPALIVEs
void keep_peer_for(ph_instance&, std::int64_t ms);  // the peer keeps alive meanwhile
