//! What reading a deal costs `serde_json` alone, in the UTF-8 JSON that needs no repair.

use crate::testkit::typed::typed;

typed!(Deal { error_code = "errorCode", error_message = "errorMessage", deal_code = "dealCode", buyer_remark = "buyerRemark", deal_pay_type = "dealPayType", tenpay_code = "tenpayCode", pp_cod_id = "ppCodId", receiver_address = "receiverAddress", receiver_name = "receiverName", receiver_mobile = "receiverMobile", receiver_phone = "receiverPhone", receiver_postcode = "receiverPostcode", buyer_name = "buyerName", buyer_uin = "buyerUin", freight, transport_type = "transportType", deal_pay_fee_total = "dealPayFeeTotal", total_cash = "totalCash", coupon_fee = "couponFee", deal_state = "dealState", propertymask, create_time = "createTime", pay_time = "payTime", deal_end_time = "dealEndTime", seller_consignment_time = "sellerConsignmentTime", last_update_time = "lastUpdateTime", deal_note_type = "dealNoteType", deal_note = "dealNote", deal_type = "dealType", has_invoice = "hasInvoice", invoice_title = "invoiceTitle", who_pay_shippingfee = "whoPayShippingfee", seller_uin = "sellerUin", buyer_recv_refund = "buyerRecvRefund", seller_recv_refund = "sellerRecvRefund", wuliu_company = "wuliuCompany", wuliu_code = "wuliuCode", deal_pay_fee_point = "dealPayFeePoint" } { items = "itemList": Vec<Item<'a>> });

typed!(Item { deal_sub_code = "dealSubCode", item_code = "itemCode", sku_id = "skuId", item_local_code = "itemLocalCode", stock_local_code = "stockLocalCode", stock_attr = "stockAttr", item_name = "itemName", item_deal_price = "itemDealPrice", item_deal_count = "itemDealCount", item_adjust_price = "itemAdjustPrice", item_discount_fee = "itemDiscountFee", refund_state = "refundState" });

pub(super) fn parse(body: &[u8]) -> bool {
    let Ok(deal) = serde_json::from_slice::<Deal<'_>>(body) else { return false };
    let items: usize = deal.items.iter().flatten().map(Item::plain).sum();
    items > 0 && deal.plain() > 0
}
