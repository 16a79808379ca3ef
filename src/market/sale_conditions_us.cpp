// The built-in table of US equities. pipelines/conditions/us-equity.csv is its copy for users; a test compares them.
// Sources: docs/formats/conditions.md.
#include "market/sale_conditions.h"

namespace penstock::market {
namespace {

constexpr std::string_view kUsEquity = R"(tape,code,high_low,open_close,volume,extended,note
*,@,yes,yes,yes,,regular
UTP,A,yes,yes,yes,,acquisition
CTA,B,no,no,yes,,average price
UTP,B,yes,yes,yes,,bunched
*,C,no,no,yes,,cash (same day)
*,D,yes,yes,yes,,distribution
CTA,E,yes,yes,yes,,automatic execution
*,F,yes,yes,yes,,intermarket sweep
*,G,yes,no,yes,,bunched sold
*,H,no,no,yes,,price variation
*,I,no,no,yes,,odd lot
*,K,yes,yes,yes,,rule 127 or 155
*,L,yes,yes,yes,,sold last
*,M,no,no,no,,official close
*,N,no,no,yes,,next day
*,O,yes,yes,yes,,opening print
*,P,yes,no,yes,,prior reference price
*,Q,no,no,no,,official open
*,R,yes,no,yes,,seller
UTP,S,yes,yes,yes,,split trade
*,T,no,no,yes,yes,extended hours (Form T)
*,U,no,no,yes,Z,"extended hours, sold out of sequence"
*,V,no,no,yes,,contingent
UTP,W,no,no,yes,,average price
*,X,yes,yes,yes,,cross
UTP,Y,yes,yes,yes,,yellow flag
*,Z,yes,no,yes,,sold out of sequence
UTP,1,yes,yes,yes,,stopped stock
UTP,2,yes,yes,yes,,"stopped stock, sold last"
UTP,3,yes,no,yes,,"stopped stock, sold out of sequence"
*,4,yes,no,yes,,derivatively priced
*,5,yes,yes,yes,,reopening print
*,6,yes,yes,yes,,closing print
*,7,no,no,yes,,qualified contingent
*,9,yes,yes,no,,corrected consolidated close
)";

}  // namespace

std::string_view SaleConditions::us_equity_csv() { return kUsEquity; }

const SaleConditions& SaleConditions::us_equity() {
  static const std::unique_ptr<const SaleConditions> table = [] {
    auto parsed = parse(kUsEquity, "us-equity");
    PENSTOCK_ASSERT(parsed);
    return std::move(*parsed);
  }();
  return *table;
}

}  // namespace penstock::market
