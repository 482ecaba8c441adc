"""What citizens say, in both languages, and under which category they file it."""

from __future__ import annotations

__all__ = ["CATEGORY", "EVERYDAY", "PHRASES"]

CATEGORY: dict[str, str] = {"flood": "flooding"}
"""Topic to category where the two differ."""

EVERYDAY: dict[str, float] = {
    "rubbish": 0.20,
    "parking": 0.20,
    "noise": 0.17,
    "road_damage": 0.11,
    "streetlight": 0.08,
    "animals": 0.05,
    "other": 0.07,
    "traffic": 0.05,
    "water_supply": 0.025,
    "power": 0.02,
    "gas_leak": 0.008,
    "waterlogging": 0.005,
    "air_pollution": 0.01,
    "fire": 0.003,
    "crowding": 0.004,
    "prank": 0.005,
}
"""Share of each topic on an ordinary day."""

PHRASES: dict[str, tuple[tuple[str, str], ...]] = {
    "flood": (
        ("{zh}江水漫上来了，岸边步道已经淹了", "river over the bank at {en}, the walkway is gone"),
        (
            "{zh}水位涨得很快，停在河边的车要被淹了",
            "water rising fast at {en}, cars on the bank",
        ),
        ("河水倒灌进一楼了，在{zh}", "river water coming into ground floors near {en}"),
        ("{zh}这边河水快到桥面了", "river nearly at the bridge deck, {en}"),
        ("上游下来的水好大，{zh}有人被困在滩上", "people stranded on the river flat by {en}"),
    ),
    "waterlogging": (
        ("{zh}积水到膝盖了，车过不去", "knee-deep water at {en}, cars cannot pass"),
        ("下穿道里有车熄火被困，{zh}", "car stalled in the flooded underpass, {en}"),
        ("{zh}路面全是水，井盖在冒水", "street under water at {en}, manholes bubbling"),
        ("地下车库进水了，{zh}", "basement garage flooding, {en}"),
        ("雨太大了，{zh}水排不出去", "drains blocked, water everywhere around {en}"),
    ),
    "gas_leak": (
        ("{zh}闻到很浓的煤气味", "strong smell of gas near {en}"),
        ("楼道里有燃气味，头晕，{zh}", "gas smell in the stairwell, feeling dizzy, {en}"),
        ("{zh}路边在漏气，有嘶嘶声", "hissing and gas smell from the pavement, {en}"),
        ("怀疑天然气泄漏，{zh}，请快来人", "suspected gas leak at {en}, please send someone"),
    ),
    "fire": (
        ("{zh}冒黑烟，着火了", "black smoke, something is burning at {en}"),
        ("看到明火，{zh}，快叫消防", "flames visible at {en}, send the fire brigade"),
        ("{zh}烟很大，闻到焦味", "heavy smoke and a burnt smell around {en}"),
        ("仓库起火了，里面可能还有人，{zh}", "building on fire, people may be inside, {en}"),
    ),
    "landslide": (
        ("{zh}山坡有裂缝，在掉石头", "cracks in the hillside and rocks falling, {en}"),
        ("{zh}上面滑下来泥土，路快堵了", "mud coming down onto the road at {en}"),
        ("挡墙鼓起来了，{zh}", "retaining wall bulging at {en}"),
        ("听到山体响，{zh}，大家都跑出来了", "slope is groaning, everyone ran outside, {en}"),
    ),
    "traffic": (
        ("{zh}附近追尾了，两条车道堵死", "rear-end crash near {en}, two lanes blocked"),
        ("{zh}发生车祸，有人受伤", "car accident with injuries by {en}"),
        ("堵了半小时没动，{zh}", "not moving for half an hour, {en}"),
        ("货车侧翻，{zh}，后面全堵了", "lorry overturned near {en}, long queue behind"),
    ),
    "crowding": (
        ("{zh}人太多了，挤得动不了", "far too many people at {en}, cannot move"),
        ("{zh}人群拥挤，有老人摔倒", "crush at {en}, an old man fell"),
        ("没人疏导，{zh}出口堵住了", "exits blocked by the crowd at {en}, nobody in charge"),
        ("{zh}人还在不停涌来，怕踩踏", "people keep pouring into {en}, afraid of a stampede"),
    ),
    "air_pollution": (
        ("雾霾太重了，{zh}看不清对面的楼", "smog so thick I cannot see across the street, {en}"),
        ("空气呛人，孩子一直咳嗽，{zh}", "air stings, my child keeps coughing, {en}"),
        ("{zh}有刺鼻气味，嗓子疼", "acrid smell and sore throat near {en}"),
    ),
    "water_supply": (
        ("{zh}停水了，没有通知", "no water at {en}, no notice given"),
        ("水压很小，五楼上不来水，{zh}", "hardly any water pressure, {en}"),
        ("{zh}水管爆了，水喷得很高", "water main burst, a fountain in the road at {en}"),
        ("路面塌陷冒水，{zh}", "road sinking and water coming up, {en}"),
    ),
    "power": (
        ("{zh}停电了，整个小区都黑了", "power cut, the whole block is dark, {en}"),
        ("红绿灯不亮了，{zh}", "traffic lights are out at {en}"),
        ("电梯停了有人被关在里面，{zh}", "lift stopped with people inside, {en}"),
        ("{zh}变压器响了一声就没电了", "bang from the transformer, then no power, {en}"),
    ),
    "noise": (
        ("{zh}半夜施工，睡不着", "construction noise at night, {en}"),
        ("广场舞音响太吵，{zh}", "loudspeakers far too loud at {en}"),
        ("{zh}酒吧噪音扰民", "noisy bar disturbing everyone near {en}"),
    ),
    "rubbish": (
        ("{zh}垃圾没人清，臭了", "rubbish not collected at {en}"),
        ("有人乱倒建筑垃圾，{zh}", "builders' waste dumped near {en}"),
    ),
    "parking": (
        ("{zh}车停在消防通道上", "cars parked in the fire lane, {en}"),
        ("违停挡住出口，{zh}", "illegal parking blocks the exit at {en}"),
    ),
    "road_damage": (
        ("{zh}路面有个大坑", "big pothole at {en}"),
        ("人行道砖松了，{zh}有人绊倒", "loose paving, someone tripped, {en}"),
        ("{zh}井盖不见了", "manhole cover missing near {en}"),
    ),
    "streetlight": (
        ("{zh}路灯坏了好几天", "street lamp broken for days at {en}"),
        ("路灯一直闪，{zh}", "flickering street lamp, {en}"),
    ),
    "animals": (
        ("{zh}有流浪狗追人", "stray dog chasing people at {en}"),
        ("马蜂窝在树上，{zh}", "wasp nest in the tree by {en}"),
    ),
    "other": (
        ("请问{zh}办事大厅几点开门", "when does the service hall at {en} open"),
        ("{zh}树枝断了挂在半空", "broken branch hanging over the path, {en}"),
        ("共享单车堆成山，{zh}", "shared bikes piled up at {en}"),
    ),
}
