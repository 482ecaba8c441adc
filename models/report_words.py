"""What people write when something is wrong: the words a new city's triage starts from.

Our own choice, in English and Chinese, ordinary rather than official words first. They are a
beginning: every category a report carries teaches the model more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["SEED_PHRASES", "extended"]

_ENGLISH: dict[str, str] = {
    "flood": """river is overflowing; the river burst its banks; water over the levee;
        flood warning; flood water rising fast; houses flooded; river level rising;
        creek overtopped the bridge; people stranded by the flood; evacuate because of flooding;
        flash flood; dam is overflowing; embankment is giving way;
        the stream is about to overflow; village under water; flooding;
        water came into the house from the river; cars swept away; need rescue boat; flood gate""",
    "waterlogging": """street is under water; water on the road; underpass flooded;
        drain blocked; standing water knee deep; water logging; storm drain overflowing;
        manhole overflowing; ponding; basement filling with rain water; tunnel full of water;
        car stalled in water; gutter blocked; road flooded after the rain; sewer backing up;
        puddle too deep to pass; garage under water; water ankle deep at the crossing;
        bus stop under water; roadway covered with water""",
    "landslide": """landslide; mudslide; rocks falling on the road; slope has slipped;
        hillside collapsed; retaining wall cracked; debris flow; earth slipped onto the road;
        boulder on the road; rockfall; cracks in the slope; ground is moving;
        mud came down the hill; slope failure; land slip; embankment slid down;
        road blocked by mud and rocks; sinkhole; ground sank; subsidence""",
    "gas_leak": """smell of gas; gas leak; natural gas odor; gas pipe broken;
        smells like rotten eggs; gas alarm going off; hissing from the gas pipe;
        gas line hit by digger; strong gas smell; methane leak; gas meter leaking; propane leak;
        chemical smell; carbon monoxide alarm; gas main ruptured; ammonia leak; toxic fumes;
        we feel dizzy from gas; explosion of gas""",
    "fire": """house on fire; fire; smoke coming out of the window; building is burning; flames;
        thick black smoke; car on fire; smell of burning; kitchen fire; brush fire;
        dumpster fire; fire alarm ringing; sparks and smoke; electric bike battery burning;
        warehouse fire; wildfire; people trapped by fire; explosion and fire;
        smoke in the stairwell; something is burning""",
    "air_pollution": """air is bad; smog; haze; cannot breathe outside; factory emitting smoke;
        dust storm; burning plastic smell; air quality is terrible; chimney black smoke;
        dust from the construction site; stinking air; pm2.5 very high;
        eyes burning from the air; acid smell from the plant; soot falling; straw burning smoke;
        exhaust fumes everywhere; sour smell at night; yellow dust; pollution""",
    "traffic": """traffic jam; accident; car crash; road blocked; collision; cars not moving;
        rear-end; traffic light out; broken down truck on the road; congestion; overturned lorry;
        pileup; motor vehicle accident; lane closed; hit and run; bus broke down; gridlock;
        vehicle hit pedestrian; highway closed; tree fell across the road; long queue of cars;
        signal not working; road closed""",
    "crowding": """too many people; crowd is pushing; overcrowded platform; stampede;
        crush at the gate; cannot get out of the crowd; station is packed;
        huge crowd at the square; people fainting in crowd; queue out of control; crowd surge;
        escalator jammed with people; concert crowd too dense; people are being squeezed;
        gathering is growing; exit blocked by crowd; packed subway station""",
    "water_supply": """no water; water main burst; tap water is brown; low water pressure;
        water cut off; water pipe broken; water outage; tap is dry; dirty tap water;
        water meter leaking; burst pipe; hydrant leaking; water smells of chlorine;
        no running water since morning; yellow tap water; pressure too low to shower;
        pipe leak in the street; pump failure; drinking water problem""",
    "power": """power outage; no electricity; blackout; lights are out; transformer exploded;
        power cut; power line down; wires on the ground; electricity went off; flickering lights;
        substation failure; street lights out; sparking cable; whole block without power;
        elevator stopped by power failure; live wire hanging; fuse box smoking;
        utility pole fell; voltage too low; electric shock""",
    "noise": """noise; too loud; loud music at night; construction noise;
        cannot sleep because of noise; drilling at midnight; karaoke next door; barking dogs;
        racing motorcycles; loud bang; square dancing music; pile driver at night; honking;
        party noise; machine humming; alarm sounding; jackhammer before six; loudspeaker;
        bar playing loud music; noisy neighbours""",
    "other": """lost dog; question about opening hours; thank you; how do I apply; pothole;
        graffiti; litter; bench broken; parking ticket; where can I pay; abandoned bicycle;
        elderly person lost; garbage not collected; street sweeping; complaint about service;
        tree needs pruning; aid response; medical help; medic response; rubbish dumped;
        school enrolment; lost wallet; tree down; pest""",
}

_CHINESE: dict[str, str] = {
    "flood": """洪水;河水漫堤;河水上涨;河水倒灌;洪水进村;堤坝决口;溃堤;水库泄洪;山洪;山洪暴发;
        水位超警;河道水位上涨很快;房子被淹;被洪水围困;需要冲锋舟;村子被淹;洪涝;大水冲走;江水漫过;
        水漫过桥面;洪水冲毁;河堤渗水;管涌;请求转移群众""",
    "waterlogging": """积水;路面积水;内涝;水漫;下穿隧道积水;桥下积水;下水道堵塞;井盖冒水;马路被淹;
        地下车库进水;积水很深;水淹到膝盖;车辆熄火水中;排水不畅;雨水倒灌;污水外溢;小区积水;
        街道变成河;地铁口进水;雨水口堵了;水没过轮胎;涵洞积水;道路积水无法通行;下水道反水""",
    "landslide": """滑坡;山体滑坡;泥石流;塌方;落石;边坡垮塌;山体开裂;挡土墙开裂;路面塌陷;地面塌陷;
        地面下沉;土石滑落;山上掉石头;边坡裂缝;护坡倒塌;地陷;山坡在动;泥土冲下来;路基塌陷;崩塌;
        地面裂缝""",
    "gas_leak": """燃气泄漏;煤气泄漏;煤气味;天然气味;燃气味道很重;闻到煤气;燃气管道破裂;管道漏气;
        挖断燃气管;燃气报警器响;瓦斯;液化气泄漏;臭鸡蛋味;一氧化碳中毒;煤气中毒;氨气泄漏;
        刺鼻气体泄漏;天然气泄漏;漏气嘶嘶声;燃气表漏气;沼气爆炸""",
    "fire": """着火;起火;火灾;失火;冒烟;浓烟;着火了;大火;楼里着火;电动车起火;厨房着火;房子烧起来;
        有明火;烧焦味;山火;垃圾桶着火;火苗;烟雾很大;车辆自燃;火警;仓库起火;被困火场;爆炸起火;
        消防车快来""",
    "air_pollution": """雾霾;空气污染;空气质量差;扬尘;粉尘;废气;工厂排放黑烟;烟囱冒黑烟;刺鼻气味;
        异味;臭味;焚烧秸秆;焚烧垃圾;空气很呛;沙尘暴;尾气;工地扬尘;恶臭;化工味;呼吸困难空气差;
        灰尘太大;pm2.5超标""",
    "traffic": """堵车;拥堵;交通事故;车祸;追尾;撞车;道路堵塞;红绿灯坏了;信号灯故障;货车侧翻;
        车辆抛锚;交通瘫痪;堵死了;高速封闭;占道;车子动不了;撞到行人;道路中断;树倒挡路;连环相撞;
        路口堵;公交车抛锚;车流缓慢;肇事逃逸""",
    "crowding": """人太多;拥挤;踩踏;人群拥挤;人流太大;站台人满;挤不动;出口堵满人;人山人海;
        人群聚集;有人被挤倒;地铁站太挤;排队失控;广场人太多;人群骚动;景区爆满;挤得喘不过气;
        大量人员聚集;扶梯上挤满人;演唱会散场拥挤;通道被堵人出不去""",
    "water_supply": """停水;没水;水压低;水管爆裂;爆管;自来水发黄;水质浑浊;自来水有异味;水龙头没水;
        供水管破裂;水管漏水;自来水管道破损;消防栓漏水;水压不足;家里断水;自来水变色;路边水管喷水;
        泵房故障;水表漏水;水里有杂质;无法供水""",
    "power": """停电;断电;跳闸;变压器爆炸;变压器冒火花;电线掉落;电线断了;电线杆倒了;没有电;
        全楼停电;小区停电;路灯不亮;电压不稳;漏电;触电;配电箱冒烟;电缆故障;大面积停电;电梯停电困人;
        高压线垂下;供电故障;灯不亮了;电力抢修""",
    "noise": """噪音;噪声;扰民;太吵;施工噪音;夜间施工;广场舞音乐;半夜装修;吵得睡不着;狗叫;飙车;
        炸街;音响太大;喇叭声;ktv噪音;打桩声;机器轰鸣;楼上吵闹;酒吧音乐声大;凌晨施工;巨响;鸣笛;
        钻孔声""",
    "other": """咨询;请问怎么办理;谢谢;投诉服务态度;垃圾没清理;共享单车乱停;路面坑洼;井盖丢失;
        流浪狗;树枝修剪;小广告;违章停车;老人走失;丢失钱包;社保;公积金;办证;座椅损坏;绿化;表扬;
        占用车位;卫生差;物业费;健身器材坏了""",
}


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in text.split(";")]


SEED_PHRASES: dict[str, list[str]] = {
    hazard: _phrases(_ENGLISH[hazard]) + _phrases(_CHINESE[hazard]) for hazard in _ENGLISH
}
"""Phrases per hazard, English before Chinese."""


def extended(more: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the vocabulary with what a city adds of its own.

    >>> extended({"flood": ["the Jialing is at the steps"]})["flood"][-1]
    'the Jialing is at the steps'
    """
    return {hazard: [*said, *more.get(hazard, ())] for hazard, said in SEED_PHRASES.items()}
