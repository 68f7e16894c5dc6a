// Relay: carries out what Pair decides, on the links of one plugin instance. What the plugins that
// pass bytes on have in common: the pair, its FINs and ends, the PROXY header, splice.
//
// The core accepts or dials the links and says so to the plugin, which tells the Relay. Bytes go by
// splice() where the host offers it and by send() where not. What cannot be passed on stays with
// the core, so TCP itself pauses the sender.
#pragma once

#include <peerhold/host.hpp>

#include <string>

#include "pair.hpp"

namespace relay {

// What check() has against proxy_protocol = "v2".
void check_header(const ph::Config&, std::uint32_t option, const ph_open&);

class Relay {
 public:
  Relay(ph::Host host, Rules rules) : host_(host), rules_(rules), pair_(rules) {}
  void set(Rules);  // reload; the mode does not change

  // Of the peer link, or of the one app link.
  void up(ph_link, const ph_link_info&);
  std::ptrdiff_t data(ph_link, ph::Bytes);
  void eof(ph_link);
  void writable(ph_link);
  void down(ph_link, const ph_down&);
  // Nothing has moved for too long. False: that calls for nothing.
  bool idle();
  // An app link that is being dialled: down() is about it although it has not come up.
  void expect(ph_link app) { app_ = app; }
  // For the PROXY header, beside the addresses: the name that was asked for, the protocol.
  void tell_app(std::string authority, std::string alpn);

  const Pair& pair() const { return pair_; }
  bool spliced() const { return spliced_; }
  bool knows(ph_link link) const { return link == PH_PEER || link == app_; }
  ph_link of(Side side) const { return side == Side::peer ? PH_PEER : app_; }

 private:
  void act(const Acts&);
  void send_header();

  ph::Host host_;
  Rules rules_;
  Pair pair_;
  bool spliced_ = false, header_waits_ = false;
  ph_link app_ = 0;  // 0: none
  std::string authority_, alpn_;
};

}  // namespace relay
