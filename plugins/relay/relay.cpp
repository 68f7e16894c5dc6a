// Owned by an instance of a plugin that relays (raw, tls), which calls it from the callbacks of the
// same names. Each event goes to Pair; act() is the one place that does something about it.
#include "relay.hpp"

#include <peerhold/proxy_v2.h>

#include <algorithm>
#include <utility>

namespace relay {

void check_header(const ph::Config& config, std::uint32_t option, const ph_open& how) {
  if (how.app_listens != 0)
    config.complain(option,
                    "a PROXY header goes to an app that the keeper connects to; here the app "
                    "connects to the keeper");
}

void Relay::set(Rules rules) {
  rules_ = rules;
  pair_.set(rules);
}

void Relay::tell_app(std::string authority, std::string alpn) {
  authority_ = std::move(authority);
  alpn_ = std::move(alpn);
}

void Relay::up(ph_link link, const ph_link_info& info) {
  const Side side = link == PH_PEER ? Side::peer : Side::app;
  if (side == Side::app) app_ = link;
  act(pair_.up(side, (info.flags & PH_LINK_OUTGOING) != 0));
}

std::ptrdiff_t Relay::data(ph_link link, ph::Bytes data) {
  if (!knows(link)) return std::ssize(data);
  const Side from = link == PH_PEER ? Side::peer : Side::app;
  std::ptrdiff_t taken = 0;
  // An error says that the other end is going; its on_down will tell how.
  if (pair_.flows(from)) taken = std::max<std::ptrdiff_t>(host_.send(of(other(from)), data), 0);
  act(pair_.input(from, data.size() - static_cast<std::size_t>(taken)));
  return taken;
}

void Relay::eof(ph_link link) {
  if (knows(link)) act(pair_.eof(link == PH_PEER ? Side::peer : Side::app));
}

void Relay::writable(ph_link link) {
  if (link == app_ && header_waits_) send_header();
}

void Relay::down(ph_link link, const ph_down& why) {
  const Side side = link == PH_PEER ? Side::peer : Side::app;
  // Of an app that was refused, has detached, or (persistent) could not be dialled: no news.
  if (side == Side::app && link != app_ && (rules_.persistent || app_ != 0)) return;
  if (side == Side::app) app_ = 0;
  header_waits_ = false;
  act(pair_.down(side, why.cause == PH_PEER_CLOSED || why.cause == PH_ADMIN, why.unsent > 0));
}

bool Relay::idle() {
  const Acts acts = pair_.idle(host_.info(PH_PEER).unsent > 0, host_.info(app_).unsent > 0);
  if (acts == Acts{}) return false;
  act(acts);
  return true;
}

void Relay::send_header() {
  const auto peer = host_.info(PH_PEER);
  ph_proxy_v2 header;
  ph_proxy_v2_begin(&header, &peer.remote, &peer.local);
  // What finds no room is left out: the name goes first.
  if (!authority_.empty())
    ph_proxy_v2_tlv(&header, PH_PROXY_AUTHORITY, authority_.data(), authority_.size());
  if (!alpn_.empty()) ph_proxy_v2_tlv(&header, PH_PROXY_ALPN, alpn_.data(), alpn_.size());
  const auto sent = host_.send_whole(app_, {header.bytes, header.size});
  header_waits_ = sent == 0;
  if (sent > 0) act(pair_.header_sent());
}

void Relay::act(const Acts& acts) {
  if (acts.header) send_header();
  if (acts.offer_peer) host_.read_pause(PH_PEER, false);
  if (acts.splice) {
    const auto flags = rules_.persistent ? 0 : std::uint32_t{PH_SPLICE_EOF};
    spliced_ = host_.splice(PH_PEER, app_, flags) == PH_OK;
    if (spliced_) pair_.relayed_by_host();
  }
  for (const Side side : both) {
    const auto i = static_cast<std::size_t>(side);
    const ph_link link = of(side);
    if (acts.eof[i]) host_.send_eof(link);
    if (acts.end[i] != End::none) host_.close(link, acts.end[i] == End::abort);
  }
  if (!pair_.spliced()) spliced_ = false;
  if (rules_.persistent && !pair_.is_up(Side::app)) app_ = 0;
  if (acts.loss == Loss::peer_closed)
    host_.fail(PH_PEER_CLOSED, PH_RETRY_NORMAL, "closed by the peer");
  if (acts.loss == Loss::app_lost)
    host_.fail(PH_APP_UNREACHABLE, PH_RETRY_NORMAL,
               "the app has detached, and on_app_loss = \"reset\" drops the link with it");
}

}  // namespace relay
