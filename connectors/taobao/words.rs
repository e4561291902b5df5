//! TOP's words for states and kinds, and the canonical ones. A word that is not here becomes `unknown`.

use crate::contract::model::{
    OrderStatus, OrderType, PersonalForm, RefundKind, RefundPhase, RefundStatus,
};

/// A status of a trade or of a sub-order.
pub(super) fn order_status(word: &str) -> OrderStatus {
    match word {
        "TRADE_NO_CREATE_PAY" | "WAIT_BUYER_PAY" | "PAY_PENDING" | "WAIT_PRE_AUTH_CONFIRM" => {
            OrderStatus::AwaitingPayment
        }
        "PAID_FORBID_CONSIGN" => OrderStatus::OnHold,
        "WAIT_SELLER_SEND_GOODS" => OrderStatus::AwaitingShipment,
        "SELLER_CONSIGNED_PART" => OrderStatus::PartlyShipped,
        "WAIT_BUYER_CONFIRM_GOODS" => OrderStatus::Shipped,
        "TRADE_BUYER_SIGNED" => OrderStatus::Delivered,
        "TRADE_FINISHED" => OrderStatus::Completed,
        "TRADE_CLOSED_BY_TAOBAO" => OrderStatus::Cancelled,
        "TRADE_CLOSED" => OrderStatus::Closed,
        _ => OrderStatus::Unknown,
    }
}

/// A type of trade. What is sold without a parcel is told by the way of shipping, whatever the type.
pub(super) fn order_type(kind: &str, shipping: &str) -> OrderType {
    if shipping == "virtual" {
        return OrderType::Virtual;
    }
    match kind {
        "step" => OrderType::Presale,
        "cod" | "b2c_cod" | "super_market_cod_trade" => OrderType::CashOnDelivery,
        "fenxiao" => OrderType::Distribution,
        "auto_delivery" | "game_equipment" | "netcn_trade" | "eticket" | "hotel_trade"
        | "insurance_plus" | "finance" => OrderType::Virtual,
        ""
        | "fixed"
        | "auction"
        | "guarantee_trade"
        | "ec"
        | "independent_simple_trade"
        | "independent_shop_trade"
        | "shopex_trade"
        | "external_trade"
        | "instant_trade"
        | "super_market_trade"
        | "tmall_i18n"
        | "lazada" => OrderType::Normal,
        _ => OrderType::Unknown,
    }
}

/// A status of a refund. The steps of an exchange have no canonical word.
pub(super) fn refund_status(word: &str) -> RefundStatus {
    match word {
        "NO_REFUND" => RefundStatus::None,
        "WAIT_SELLER_AGREE" | "WAIT_SELLER_CONFIRM_RETURN_ADDRESS" => RefundStatus::Requested,
        "WAIT_BUYER_RETURN_GOODS" => RefundStatus::AwaitingReturn,
        "WAIT_SELLER_CONFIRM_GOODS" => RefundStatus::Returning,
        "SELLER_REFUSE_BUYER" => RefundStatus::Refused,
        "CLOSED" => RefundStatus::Closed,
        "SUCCESS" => RefundStatus::Succeeded,
        _ => RefundStatus::Unknown,
    }
}

/// What a refund gives back: by the kind of dispute, or, where none is named, by whether goods come back.
pub(super) fn refund_kind(dispute: Option<&str>, goods_come_back: Option<bool>) -> RefundKind {
    match (dispute, goods_come_back) {
        (Some("REFUND"), _) | (None, Some(false)) => RefundKind::MoneyOnly,
        (Some("REFUND_AND_RETURN"), _) | (None, Some(true)) => RefundKind::ReturnGoods,
        (Some("TMALL_EXCHANGE" | "TAOBAO_EXCHANGE"), _) => RefundKind::Exchange,
        _ => RefundKind::Unknown,
    }
}

/// When a refund was asked for.
pub(super) fn refund_phase(word: &str) -> Option<RefundPhase> {
    match word {
        "onsale" => Some(RefundPhase::OnSale),
        "aftersale" => Some(RefundPhase::AfterSale),
        _ => None,
    }
}

/// In which form a receiver's datum is: masked by stars, or ciphertext of the years 2016 to 2021, which begins and ends
/// with `~` (names) or `$` (numbers) or is cut into parts by the character 1.
pub(super) fn personal_form(text: &str) -> PersonalForm {
    let is_between = |mark: char| {
        text.len() > 2 && text.starts_with(mark) && text.ends_with(mark) && {
            text.matches(mark).count() > 2
        }
    };
    if is_between('~') || is_between('$') || text.contains('\u{1}') {
        PersonalForm::Token
    } else if text.contains('*') {
        PersonalForm::Masked
    } else {
        PersonalForm::Plain
    }
}
