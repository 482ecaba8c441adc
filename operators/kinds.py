"""What is known of each kind of sensor before its first reading: one table.

Kinds are open. One that is not in the table is screened as a generic signal.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["KINDS", "NO_VALUE", "Kind", "kind_of"]


class Kind(NamedTuple):
    """What is known of a kind of sensor before its first reading."""

    unit: str
    """UCUM."""
    hazard: str
    """What its unusual readings are evidence of."""
    direction: Literal["above", "below", "both"]
    """Which side of normal is a threat."""
    low: float
    high: float
    """Physically possible values; anything outside is a fault of the sensor, not of the city."""
    feed: str
    """The group an operator sees it under."""
    en: str
    zh: str
    horizon_s: float = 0.0
    """How far ahead a crossing of an official level is looked for: only where the next hours
    follow from the last ones."""


NO_VALUE = 1e30
"""Larger values are none: float32 sums must stay finite."""
KINDS: dict[str, Kind] = {
    "river_level": Kind(
        "m", "flood", "above", -50, 9000, "river_rain", "River level", "河道水位", 10_800
    ),
    "rain": Kind("mm/h", "waterlogging", "above", 0, 500, "river_rain", "Rain", "雨量"),
    "street_water": Kind(
        "cm", "waterlogging", "above", -2, 500, "streets", "Street water", "路面积水", 1800
    ),
    "traffic_speed": Kind("km/h", "traffic", "below", 0, 250, "traffic", "Traffic speed", "车速"),
    "traffic_flow": Kind(
        "1/h", "traffic", "both", 0, 1_000_000, "traffic", "Traffic flow", "车流量"
    ),
    "traffic_occupancy": Kind(
        "%", "traffic", "above", 0, 100, "traffic", "Road occupancy", "道路占有率"
    ),
    "travel_time": Kind("s", "traffic", "above", 0, 86_400, "traffic", "Travel time", "行程时间"),
    "pm25": Kind("ug/m3", "air_pollution", "above", 0, 5000, "air_gas", "PM2.5", "PM2.5", 10_800),
    "no2": Kind("ug/m3", "air_pollution", "above", 0, 5000, "air_gas", "NO2", "二氧化氮", 10_800),
    "gas_ch4": Kind("%{LEL}", "gas_leak", "above", 0, 100, "air_gas", "Methane", "甲烷"),
    "smoke": Kind("%/m", "fire", "above", 0, 100, "air_gas", "Smoke", "烟雾"),
    "crowd_count": Kind("1", "crowding", "above", 0, 1_000_000, "streets", "Crowd", "人群"),
    "noise": Kind("dB", "noise", "above", 0, 160, "streets", "Noise", "噪声"),
    "slope_tilt": Kind(
        "mm", "landslide", "above", -1000, 10_000, "river_rain", "Slope", "边坡位移", 21_600
    ),
    "water_pressure": Kind(
        "kPa", "water_supply", "below", 0, 2500, "power_water", "Water pressure", "供水压力"
    ),
    "power_load": Kind(
        "kW", "power", "both", 0, 10_000_000, "power_water", "Power load", "用电负荷"
    ),
    "temperature": Kind("Cel", "other", "both", -60, 70, "air_gas", "Temperature", "气温"),
    "dew_point_temperature": Kind("Cel", "other", "both", -90, 40, "air_gas", "Dew point", "露点"),
    "air_pressure": Kind("hPa", "other", "both", 400, 1100, "air_gas", "Air pressure", "气压"),
    # The parts of a wind: at v m/s out of the direction d, -v sin d and -v cos d.
    "eastward_wind": Kind("m/s", "other", "both", -120, 120, "air_gas", "Eastward wind", "东向风"),
    "northward_wind": Kind(
        "m/s", "other", "both", -120, 120, "air_gas", "Northward wind", "北向风"
    ),
}
_GENERIC = Kind("1", "other", "both", -NO_VALUE, NO_VALUE, "other", "Signal", "信号")


def kind_of(name: str) -> Kind:
    """Return what is known of a kind; an unknown one is a generic signal of hazard ``other``."""
    return KINDS.get(name, _GENERIC)
