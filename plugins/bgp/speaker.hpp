// Speaker: one instance of the plugin: the BGP session with the peer, the one with the app, and
// what lies between them. Start reading here; the machines (fsm, holding), the codec and the Rib
// are pure and stand in files of their own.
//
//   speaker.cpp  links, messages in, the state machine's actions, deadlines
//   peer.cpp     the peer: OPEN, collisions, Established, its UPDATEs and refreshes, goodbyes
//   app.cpp      the app: admission, OPEN, its UPDATEs, its loss
//   replay.cpp   routes sent from a Rib, End-of-RIB, what Holding decides
//   report.cpp   status, report, commands, metrics
#pragma once

#include <peerhold/plugin.hpp>

#include <list>
#include <random>
#include <set>

#include "connection.hpp"
#include "holding.hpp"
#include "options.hpp"
#include "rib.hpp"

namespace bgp {

enum Metric : std::uint32_t { notifications_in, notifications_out };
inline constexpr ph_metric metric_table[] = {
    {.name = "notifications_in_total", .help = "NOTIFICATION messages received."},
    {.name = "notifications_out_total", .help = "NOTIFICATION messages sent."},
};

class Speaker {
 public:
  Speaker(ph::Host, const ph_open&);
  static void check(const ph::Config& config, const ph_open& how) { check_options(config, how); }
  int reload(const ph_config*);
  int drain(const ph_drain&);
  void on_up(ph_link, const ph_link_info&);
  std::ptrdiff_t on_data(ph_link, Bytes);
  void on_eof(ph_link);
  void on_writable(ph_link);
  void on_down(ph_link, const ph_down&);
  void on_timer(std::uint32_t);
  std::string status() const;
  int report(ph_report&);
  int command(const ph_command&, std::string& reply);

 private:
  // The host's timers: one a connection, then these.
  enum TimerId : std::uint32_t {
    peer_timer,
    rival_timer,
    app_timer,
    holding_timer,
    pump_timer,
    app_wait_timer,
    refresh_timer,
    eor_timer,
  };
  enum class Took : std::uint8_t { yes, later, over };  // over: the connection is ending
  // UPDATEs on their way to the other side: passed together, applied to the Rib once they are
  // accepted.
  struct Batch {
    Buffer out;
    std::vector<Update> updates;
    std::vector<std::size_t> ends;  // of each in `out`
    std::size_t used = 0;           // where the first of them begins in the input
    bool empty() const { return updates.empty(); }
    void clear();
  };
  // Routes that are sent from a Rib, bit by bit.
  struct Job {
    enum class Kind : std::uint8_t { announce, withdraw_stale } kind = Kind::announce;
    Rib::Walk walk;
    Buffer before, after;             // messages around it: BoRR, EoRR, End-of-RIB
    std::optional<Family> answers{};  // a ROUTE-REFRESH
  };
  using Jobs = std::list<Job>;  // an empty one takes no memory
  struct Reason {               // why a connection ends; without words: what the state machine says
    ph_cause cause;
    ph_retry retry;
    std::string why;
  };
  struct Told {  // a NOTIFICATION, for status
    Notification what;
    Ms at = 0;
  };

  // speaker.cpp
  Ms now() const { return static_cast<Ms>(host_.now_ms()); }
  Connection* find(ph_link);
  void begin(Connection&, bool passive, Ms first_hold);
  void input(Connection&, Event, Notification = {}, std::uint16_t hold_time_s = 0);
  void input(Connection&, Event, Reason, Notification = {});
  void perform(Connection&, const Actions&, const Reason* = nullptr);
  std::ptrdiff_t read(Connection&, Bytes);
  Took take(Connection&, const Message&, Batch&);
  Took take_open(Connection&, const Message&);
  Took take_notification(Connection&, const Message&);
  bool send(Connection&, Bytes message, Type);
  void send_last(Connection&, Bytes notification);
  void send_keepalive(Connection&);
  void end(Connection&, const Reason&);
  void broke(Connection&, Event, Notification);  // the far end broke the protocol
  void arm(Connection&);
  void due(Connection&);
  void watch_progress(Connection&, Ms limit);
  bool stuck(Connection&, Ms limit);
  Ms patience(const Connection&) const;
  void arm_holding();
  std::string name_of(const Connection&) const;

  // peer.cpp
  Open our_open(const Connection&);
  void peer_up(Connection&, const ph_link_info&, bool outgoing);
  void promote(const ph_link_info&);
  Took peer_open(Connection&, const Open&);
  bool settle_collision(Connection& with_open);
  void dump(Connection& loser);
  void peer_established();
  Took peer_update(Connection&, const Message&, Batch&);
  Took peer_refresh(Connection&, const Message&);
  bool pass_to_app(Batch&);
  void peer_down(const ph_down&);
  Notification goodbye(const Connection&, std::uint8_t subcode, const std::string& text) const;
  void close_peer(const Notification&, const std::string& why);

  // app.cpp
  void app_up(ph_link, const ph_link_info&);
  void admit_app();
  Took app_open(Connection&, const Open&);
  void app_established();
  Took app_update(Connection&, const Message&, Batch&);
  Took app_refresh(Connection&, const Message&);
  bool pass_to_peer(Batch&);
  void app_notification(const Notification&);
  void app_lost(const std::string& why);
  void dismiss_app(const Notification&, const std::string& why);
  void turn_away(ph_link, const Notification&);

  // replay.cpp
  void pump();
  bool pump(Jobs&, Connection&, Rib&);
  bool to_peer(Bytes message);
  void announce_all();
  void forget_unspoken();
  void answer_refresh(Family);
  void send_end_of_ribs();
  void ask_for_table();
  void ask_peer();
  Ms quiet_limit() const;
  void table_complete(Family);
  void act(HoldAct);
  void give_up_routes(const std::string& why);
  NextHopRule next_hop_rule() const;
  // Routes of which Holding has a say: none while all of them are on their way out. The End-of-RIB
  // that waits for the app's is waited for as a route is.
  std::size_t held() const {
    const bool waits = end_of_rib_waits_ && app_ && app_->speaks();
    return (letting_go_ ? 0 : held_.size()) + (waits ? 1 : 0);
  }

  ph::Host host_;
  bool has_app_ = false;
  Options options_;
  std::minstd_rand random_;
  std::optional<std::uint32_t> identifier_;
  std::unique_ptr<Connection> peer_, rival_, app_;
  std::unique_ptr<Connection> ended_app_;  // callers may still look at it
  ph_link waiting_app_ = 0;                // here, and silent until the link is established
  Rib held_;                               // Adj-RIB-Out: what the app has announced
  Rib kept_;                               // Adj-RIB-In, where it is kept
  bool keeps_ = false;
  Holding holding_;
  Jobs to_peer_, to_app_;
  bool letting_go_ = false;           // everything in held_ is being withdrawn
  std::set<Family> end_of_rib_owed_;  // to the peer, on this link
  bool end_of_rib_waits_ = false;     // we are restarting: not before the app is complete
  std::set<Family> refreshing_;       // families whose table we asked for, for the app
  std::set<Family> unasked_;          // ... and for which there was no room yet
  std::map<Family, unsigned> asked_;  // refreshes of our own whose EoRR is to come (RFC 7313)
  // How held_ is written: as the last link's peer and the app agreed to.
  std::map<Family, bool> held_add_path_;
  bool held_four_octet_as_ = false;
  Ms last_update_ = 0;  // from the peer
  Ms barred_until_ = 0;
  unsigned app_errors_ = 0;
  bool draining_ = false;
  bool next_hop_told_ = false;
  bool going_ = false;     // no link wanted until an app comes
  std::string why_ended_;  // of the app's last connection
  std::optional<Ms> app_gone_at_;
  std::unique_ptr<Told> sent_, received_, from_app_, to_app_told_;
  std::uint64_t left_out_ = 0;  // routes that fit into no message of the peer's link
  std::uint64_t dropped_updates_ = 0, malformed_from_app_ = 0;
  std::string report_text_;
  std::string app_refused_;  // why the latest app was turned away, for status
};

std::string plural(std::size_t n, const char* what);  // "1 route", "2 routes"

}  // namespace bgp
